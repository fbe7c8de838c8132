import type { Usage } from "../../model/Receipt.ts"

/** No use of a data key. */
export const noUsage: Usage = { messages: 0, bytes: 0n }

export const plus = (a: Usage, b: Usage): Usage => ({ messages: a.messages + b.messages, bytes: a.bytes + b.bytes })

export const minus = (a: Usage, b: Usage): Usage => ({ messages: a.messages - b.messages, bytes: a.bytes - b.bytes })
