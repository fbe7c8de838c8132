import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"

/** A secret of some type, as it is: neither copied nor wrapped again. */
export const SecretOf = <A>(is: (value: unknown) => value is A): Schema.declare<Redacted.Redacted<A>> =>
  Schema.declare((value): value is Redacted.Redacted<A> => Redacted.isRedacted(value) && is(valueOf(value)))

/** The value of a secret; undefined where it was wiped. */
const valueOf = (secret: Redacted.Redacted<unknown>): unknown => {
  try {
    return Redacted.value(secret)
  } catch {
    return undefined
  }
}
