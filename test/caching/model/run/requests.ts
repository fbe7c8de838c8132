/** The requests of a run, and the operations that their keys serve. */
import { Cause, Effect, Exit, Fiber, Scope } from "effect"
import { type CryptographicMaterialsManager, DataKey } from "effect-encryption-sdk"
import type { CachingCmm } from "effect-encryption-sdk/caching"
import { EncryptionContextCodec } from "effect-encryption-sdk/message"
import { decryptAtOnce, encryptAtOnce } from "../../../support/atOnce.ts"
import { keyBytes, keyNumber, type scriptedManager } from "../../../support/scriptedManager.ts"
import * as Program from "../Program.ts"
import { CurrentRequest } from "./observer.ts"
import { check, type Made } from "./Run.ts"

type Response = CryptographicMaterialsManager.MaterialsResponse<{ readonly plaintextDataKey: DataKey.DataKey }>
type DecryptRequest = CryptographicMaterialsManager.DecryptMaterialsRequest
type Calls = ReturnType<typeof scriptedManager>["calls"]

interface Operation {
  readonly key: DataKey.DataKey
  readonly bytes: Uint8Array
  readonly call: number
  readonly scope: Scope.Closeable
}

interface Requesting {
  readonly fiber: Fiber.Fiber<void>
  readonly numbers: ReadonlyArray<number>
}

export interface Requests {
  readonly made: Array<Made>
  /** Makes a number of requests one after another, in a fiber of their own. */
  readonly request: (requested: Omit<Made, "outcome" | "interrupted">, inTurn: number) => Effect.Effect<void>
  /** The fibers that are not done. */
  readonly running: () => ReadonlyArray<Requesting>
  readonly interrupt: (requesting: Requesting) => void
  /** Ends the operations that were served, and checks that their keys are theirs until then, and zeroed then. */
  readonly endOperations: Effect.Effect<void>
}

export const makeRequests = (
  managers: readonly [CachingCmm.CachingCmm, CachingCmm.CachingCmm],
  calls: Calls
): Requests => {
  const made: Array<Made> = []
  const operations: Array<Operation> = []
  const fibers: Array<Requesting> = []

  const one = (number: number): Effect.Effect<void> =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { manager } = made[number]!
      yield* Effect.suspend(() => ask(managers[manager], made[number]!, number % 2 === 0)).pipe(
        Effect.provideService(CurrentRequest, number),
        Effect.provideService(Scope.Scope, scope),
        Effect.onExit((exit) => {
          if (Exit.isSuccess(exit)) {
            return Effect.sync(() => arrived(calls, operations, made[number]!, scope, exit.value))
          }
          const { cause } = exit
          made[number]!.outcome = Cause.hasInterruptsOnly(cause)
            ? { _tag: "Interrupted" }
            : { _tag: "Failed", cause, message: Cause.pretty(cause) }
          return Scope.close(scope, exit)
        }),
        Effect.exit
      )
    })

  return {
    made,
    request: Effect.fnUntraced(function*(requested, inTurn) {
      const numbers = Array.from(
        { length: inTurn },
        () => made.push({ ...requested, outcome: { _tag: "Pending" }, interrupted: false }) - 1
      )
      const chain = Effect.forEach(
        numbers,
        (number) => Effect.suspend(() => made[number]!.interrupted ? Effect.void : one(number)),
        { discard: true }
      )
      fibers.push({ fiber: yield* Effect.forkDetach(chain), numbers })
    }),
    running: () => fibers.filter(({ fiber }) => fiber.pollUnsafe() === undefined),
    interrupt: ({ fiber, numbers }) => {
      for (const number of numbers) made[number]!.interrupted = true
      fiber.interruptUnsafe()
    },
    endOperations: Effect.suspend(() => Effect.forEach(operations.splice(0), end, { discard: true }))
  }
}

/** Asks in the form of every manager, or at once, as the client asks: what follows must be the same. */
const ask = (
  cmm: CachingCmm.CachingCmm,
  { shape, warm }: Made,
  atOnce: boolean
): Effect.Effect<Response | undefined, unknown, Scope.Scope> => {
  if (warm) return Effect.as(cmm.warm({ encryptionContext: Program.contexts[shape.context]! }), undefined)
  if (shape.operation === "encrypt") {
    const request = Program.encryptionOf(shape)
    return atOnce ? encryptAtOnce(cmm, request) : cmm.getEncryptionMaterials(request)
  }
  const request = Program.decryptionOf(shape)
  return atOnce
    ? decryptAtOnce(cmm, { ...request, encryptedDataKeys: stable(request.encryptedDataKeys) }, true)
    : cmm.decryptMaterials(request)
}

const lists = new Map<string, DecryptRequest["encryptedDataKeys"]>()

/** The same list for all equal ones. */
const stable = (list: DecryptRequest["encryptedDataKeys"]): typeof list => {
  const text = JSON.stringify(list)
  return lists.get(text) ?? lists.set(text, list).get(text)!
}

const arrived = (
  calls: Calls,
  operations: Array<Operation>,
  request: Made,
  scope: Scope.Closeable,
  response: Response | undefined
): void => {
  if (response === undefined) {
    request.outcome = { _tag: "Warmed" }
    return
  }
  const { materials, receipt } = response
  const call = keyNumber(response)
  request.outcome = { _tag: "Served", call, receipt }
  operations.push({
    key: materials.plaintextDataKey,
    bytes: DataKey.value(materials.plaintextDataKey),
    call,
    scope
  })
  checkMaterials(request, call, calls[call - 1]!, materials)
}

const end = Effect.fnUntraced(function*({ bytes, call, key, scope }: Operation) {
  check(
    DataKey.value(key) === bytes && isKeyOf(call, bytes),
    `an operation met another key than that of call ${call}`
  )
  yield* Scope.close(scope, Exit.void)
  check(bytes.every((byte) => byte === 0), `the copy of an operation that ended, of call ${call}`)
})

const isKeyOf = (call: number, bytes: Uint8Array): boolean =>
  keyBytes(call, bytes.length).every((byte, index) => byte === bytes[index])

/** Promises 1, 3 and 4: a request that is served could have fetched these very materials. */
const checkMaterials = (
  { shape }: Made,
  number: number,
  { operation, request }: Calls[number],
  materials: unknown
): void => {
  const given = shape.operation === "encrypt" ? Program.encryptionOf(shape) : Program.decryptionOf(shape)
  check(
    operation === shape.operation && essence(request) === essence(given),
    `call ${number} was made for another request than one that it served`
  )
  const { encryptionContext } = materials as { readonly encryptionContext: Readonly<Record<string, string>> }
  check(
    Object.entries(given.encryptionContext).every(([name, value]) => encryptionContext[name] === value),
    `the materials of call ${number} have another context`
  )
}

const byText = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0

const essence = (request: Calls[number]["request"]): string =>
  JSON.stringify([
    EncryptionContextCodec.encode(request.encryptionContext).toString(),
    request.commitmentPolicy,
    request.algorithmSuite?.name,
    "requiredEncryptionContextKeys" in request
      ? request.requiredEncryptionContextKeys
      : EncryptionContextCodec.encode(request.expectedEncryptionContext).toString(),
    "encryptedDataKeys" in request
      ? request.encryptedDataKeys.map(({ ciphertext }) => ciphertext.toString()).toSorted(byText)
      : []
  ])
