import * as SchemaIssue from "effect/SchemaIssue"
import type { DecryptError } from "../../model/errors/DecryptError.ts"
import type { EncryptError } from "../../model/errors/EncryptError.ts"

/** The library's errors that an issue may have as its cause. */
export type FieldCause = EncryptError | DecryptError

const own = /*#__PURE__*/ new WeakSet<SchemaIssue.Issue>()

/** An issue of a field: a sentence without any value, and the cause. It reports no input, whatever the parse options say. */
export const make = (message: string, cause?: FieldCause): SchemaIssue.InvalidValue => {
  const issue = new SchemaIssue.InvalidValue(cause === undefined ? { message } : { message, cause })
  own.add(issue)
  return issue
}

/** The field's own issue within one; undefined where the value's schema found another fault. */
export const findOwn = (issue: SchemaIssue.Issue): SchemaIssue.Issue | undefined => {
  if (own.has(issue)) return issue
  for (const inner of within(issue)) {
    const found = findOwn(inner)
    if (found !== undefined) return found
  }
  return undefined
}

/** The causes of all issues of fields within one, in their order. */
export const causesOf = (issue: SchemaIssue.Issue): ReadonlyArray<FieldCause> =>
  own.has(issue)
    ? [(issue as SchemaIssue.InvalidValue).annotations?.["cause"] as FieldCause | undefined].filter((cause) =>
      cause !== undefined
    )
    : within(issue).flatMap(causesOf)

const within = (issue: SchemaIssue.Issue): ReadonlyArray<SchemaIssue.Issue> =>
  "issues" in issue ? issue.issues : "issue" in issue ? [issue.issue] : []
