/** Failures of DynamoDB, items that are no records, and clients that return anything. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { BranchKeyRecord } from "effect-encryption-sdk/hierarchical"
import type { DynamoDbBranchKeyStorage } from "effect-encryption-sdk/hierarchical/dynamodb"
import { failureOf } from "../../support/client.ts"
import type { Trouble } from "../../support/dynamoDb.ts"
import {
  clientOf,
  failedOf,
  inDoubt,
  reasonOf,
  recordsOf,
  storage,
  storageOf,
  tableName,
  versions
} from "../../support/dynamoDbStorage.ts"

const service = (code: string, status = 400, fields: object = {}): Trouble => ({
  status,
  code: `com.amazonaws.dynamodb.v20120810#${code}`,
  fields: { message: "as DynamoDB says it", ...fields }
})

const cancelled = (...Codes: ReadonlyArray<string>) =>
  service("TransactionCanceledException", 400, {
    CancellationReasons: Codes.map((Code) => ({ Code, ...Code === "None" ? {} : { Message: `about ${Code}` } }))
  })

describe("failures of DynamoDB", () => {
  /** Title, trouble, code, whether it is retryable, whether a write is in doubt. */
  const failures: ReadonlyArray<readonly [string, Trouble, string, boolean, boolean]> = [
    ["throttled", service("ThrottlingException"), "ThrottlingException", true, false],
    [
      "capacity",
      service("ProvisionedThroughputExceededException"),
      "ProvisionedThroughputExceededException",
      true,
      false
    ],
    ["quota", service("RequestLimitExceeded"), "RequestLimitExceeded", true, false],
    ["status 429", service("Unheard", 429), "Unheard", true, false],
    ["status 500", service("InternalServerError", 500), "InternalServerError", true, true],
    ["status 503", { status: 503 }, "Unknown", true, true],
    ["reset", "not reached", "ECONNRESET", true, true],
    ["lost", "response lost", "ECONNRESET", true, true],
    ["in progress", service("TransactionInProgressException"), "TransactionInProgressException", true, true],
    ["denied", service("AccessDeniedException"), "AccessDeniedException", false, false],
    ["invalid", service("ValidationException"), "ValidationException", false, false],
    [
      "token",
      service("IdempotentParameterMismatchException"),
      "IdempotentParameterMismatchException",
      false,
      false
    ],
    ["expired", service("ExpiredTokenException"), "ExpiredTokenException", true, false],
    ["no JSON", { body: "<html>" }, "SyntaxError", false, true]
  ]
  for (const [title, trouble, code, isRetryable, isInDoubt] of failures) {
    it.effect(`${title}: retryable ${isRetryable}, a write in doubt ${isInDoubt}`, () =>
      Effect.gen(function*() {
        const { dynamoDb, storage: { addVersion, create, read } } = yield* storage()
        const { active, version, ...rest } = recordsOf("id")
        const writes = [
          create({ active, version, ...rest }),
          addVersion({ active, version, replaces: active.wrappedKey })
        ]
        for (const operation of [read("id", "branch:ACTIVE"), ...writes]) {
          dynamoDb.troubles.push(trouble)
          const failed = yield* failedOf(operation)
          assert.deepStrictEqual([failed.code, failed.isRetryable], [code, isRetryable])
          assert.strictEqual(failed.description.endsWith(inDoubt), writes.includes(operation as never) && isInDoubt)
          assert.instanceOf(failed.cause, Error)
        }
      }))
  }

  it.effect("where a table is missing, its name is in the description", () =>
    Effect.gen(function*() {
      const { dynamoDb, storage: { create } } = yield* storage()
      dynamoDb.tables.clear()
      const { code, description, isRetryable } = yield* failedOf(create(recordsOf("id")))
      assert.deepStrictEqual([code, isRetryable], ["ResourceNotFoundException", false])
      assert.strictEqual(
        description,
        `there is no table "${tableName}" in this account and Region (Requested resource not found)`
      )
    }))

  it.effect("where an attempt before the last was lost, a write is in doubt", () =>
    Effect.gen(function*() {
      const { dynamoDb, storage: { create } } = yield* storage({}, { maxAttempts: 2 })
      for (const code of ["ThrottlingException", "AccessDeniedException"]) {
        dynamoDb.troubles.push("response lost", service(code))
        const failed = yield* failedOf(create(recordsOf(code)))
        assert.strictEqual(failed.code, code)
        assert.isTrue(failed.description.endsWith(inDoubt))
      }
    }))
})

describe("transactions that are cancelled", () => {
  const reasons = (trouble: Trouble) =>
    Effect.gen(function*() {
      const { dynamoDb, storage: { addVersion, create } } = yield* storage()
      const { active, beacon, version } = recordsOf("id")
      dynamoDb.troubles.push(trouble, trouble)
      const made = yield* reasonOf(create({ active, beacon, version }))
      const versioned = yield* reasonOf(addVersion({ active, version, replaces: active.wrappedKey }))
      return [made, versioned] as const
    })

  it.effect("by a condition: the item whose condition has failed says why", () =>
    Effect.gen(function*() {
      for (
        const [codes, expected] of [
          [["ConditionalCheckFailed", "None", "None"], ["AlreadyExists", "AlreadyExists"]],
          [["None", "ConditionalCheckFailed", "None"], ["AlreadyExists", "Conflict"]],
          [["ConditionalCheckFailed", "ConditionalCheckFailed"], ["AlreadyExists", "Conflict"]],
          [["TransactionConflict", "ConditionalCheckFailed"], ["AlreadyExists", "Conflict"]]
        ] as const
      ) {
        assert.deepStrictEqual((yield* reasons(cancelled(...codes))).map(({ _tag }) => _tag), [...expected])
      }
      assert.strictEqual((yield* reasons(cancelled("None", "None", "ConditionalCheckFailed")))[0]._tag, "AlreadyExists")
    }))

  it.effect("by something else: its code decides whether a retry may help", () =>
    Effect.gen(function*() {
      for (
        const [code, isRetryable] of [
          ["TransactionConflict", true],
          ["ThrottlingError", true],
          ["ProvisionedThroughputExceeded", true],
          ["ValidationError", false],
          ["ItemCollectionSizeLimitExceeded", false]
        ] as const
      ) {
        for (const reason of yield* reasons(cancelled("None", code))) {
          assert.deepInclude(reason, { _tag: "StorageFailed", code, isRetryable, description: `about ${code}` })
        }
      }
    }))

  it.effect("without reasons, or with some that cannot be read: nothing is taken for a condition", () =>
    Effect.gen(function*() {
      const name = "TransactionCanceledException"
      for (const CancellationReasons of [undefined, 1, [], [null, 2], [{ Code: 3 }], [{}]]) {
        const thrown = Object.assign(new Error("cancelled"), { name, $fault: "client", CancellationReasons })
        const { create } = yield* storageOf(clientOf(() => Promise.reject(thrown)))
        const failed = yield* failedOf(create(recordsOf("id")))
        assert.deepStrictEqual([failed.code, failed.description, failed.isRetryable], [name, "cancelled", false])
      }
    }))
})

describe("items that are no records", () => {
  const good = {
    "branch-key-id": { S: "id" },
    type: { S: "beacon:ACTIVE" },
    enc: { B: Uint8Array.of(1) },
    "kms-arn": { S: "arn" },
    "create-time": { S: "2026" },
    "hierarchy-version": { N: "1" }
  }
  const readOf = (item: unknown) =>
    Effect.flatMap(
      storageOf(clientOf(() => Promise.resolve({ Item: item }))),
      ({ read }) => read("id", "beacon:ACTIVE")
    )
  const rejection = (item: unknown) =>
    Effect.map(reasonOf(readOf(item)), (reason) => {
      assert.instanceOf(reason, BranchKeyRecord.RecordRejected)
      return [reason.attribute, reason.description] as const
    })

  it.effect("an item of strings, numbers and bytes is read", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* readOf(good)).hierarchyVersion, 1)
      const { attributes } = yield* readOf({ ...good, ["__proto__"]: { S: "x" }, more: { S: "" } })
      assert.deepStrictEqual(Object.entries(attributes), [["__proto__", "x"], ["more", ""]])
    }))

  const others = [
    ["BOOL", { BOOL: true }],
    ["L", { L: [{ S: "a" }] }],
    ["M", { M: { a: { S: "a" } } }],
    ["SS", { SS: ["a"] }],
    ["NULL", { NULL: true }],
    ["S", { S: 1 }],
    ["B", { B: "AQ==" }],
    ["$unknown", { $unknown: ["X", 1] }]
  ] as const
  for (const [type, value] of others) {
    it.effect(`an attribute of the type ${type} is named`, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* rejection({ ...good, ttl: value }), [
          "ttl",
          `is of the type "${type}" of DynamoDB, must be S, N or B`
        ])
        assert.strictEqual((yield* rejection({ ...good, enc: value }))[0], "enc")
      }))
  }

  it.effect("an attribute that is added must be text, and numbers are whole", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* rejection({ ...good, ttl: { N: "1800000000" } }), [
        "ttl",
        "is no text: attributes of other types cannot be authenticated"
      ])
      assert.strictEqual((yield* rejection({ ...good, "hierarchy-version": { S: "1" } }))[0], "hierarchy-version")
      assert.match(
        (yield* rejection({ ...good, "hierarchy-version": { N: "2" } }))[1],
        /^is 2: branch keys of hierarchy/
      )
      for (const N of ["", "1.5", "0x1", " 1", "1e0", 1]) {
        assert.deepStrictEqual((yield* rejection({ ...good, "hierarchy-version": { N } }))[0], "hierarchy-version")
      }
    }))

  it.effect("what is no item, or lacks something, is named", () =>
    Effect.gen(function*() {
      for (const item of [null, 1, "item"]) {
        assert.deepStrictEqual(yield* rejection(item), ["record", "is no item of DynamoDB"])
      }
      for (const name of Object.keys(good)) {
        const { [name as keyof typeof good]: _, ...rest } = good
        assert.deepStrictEqual(yield* rejection(rest), [
          name,
          name === "hierarchy-version" ? "must be the number 1, is undefined" : "is missing"
        ])
        assert.strictEqual((yield* rejection({ ...good, [name]: null }))[0], name)
        assert.strictEqual((yield* rejection({ ...good, [name]: {} }))[0], name)
      }
    }))
})

describe("keys that DynamoDB does not take", () => {
  it.effect("are rejected before any call, with the bound", () =>
    Effect.gen(function*() {
      const { dynamoDb, storage: { addVersion, create, read } } = yield* storage()
      const longest = "é".repeat(1024)
      yield* create(recordsOf(longest))
      yield* read(longest, "branch:ACTIVE")
      dynamoDb.requests.splice(0)
      const ids = [
        ["", "is empty, which a key of DynamoDB cannot be"],
        [`${longest}a`, "is 2049 bytes of UTF-8, a key of DynamoDB has 2048 at most"],
        ["\ud800", "is not well-formed Unicode"]
      ] as const
      for (const [id, description] of ids) {
        const { active, beacon, version } = recordsOf(id)
        const expected = { attribute: "branch-key-id", description }
        for (
          const operation of [
            create({ active, beacon, version }),
            addVersion({ active, version, replaces: active.wrappedKey }),
            read(id, "branch:ACTIVE")
          ]
        ) {
          assert.deepInclude(yield* reasonOf<unknown, never>(operation), expected)
        }
      }
      const type = `branch:version:${"a".repeat(1010)}` as const
      assert.deepInclude(yield* reasonOf(read("id", type)), {
        attribute: "type",
        description: "is 1025 bytes of UTF-8, a key of DynamoDB has 1024 at most"
      })
      assert.lengthOf(dynamoDb.requests, 0)
      yield* reasonOf(read("id", type.slice(0, 1024) as typeof type))
    }))
})

describe("clients of the user's own", () => {
  const { active, beacon, version } = recordsOf("id", versions[0])
  const each = (client: DynamoDbBranchKeyStorage.Client) =>
    Effect.gen(function*() {
      const { addVersion, create, read } = yield* storageOf(client)
      return {
        read: yield* failedOf(read("id", "branch:ACTIVE")),
        create: yield* failedOf(create({ active, beacon, version })),
        addVersion: yield* failedOf(addVersion({ active, version, replaces: active.wrappedKey }))
      }
    })

  it.effect("that return no output", () =>
    Effect.gen(function*() {
      for (const output of [undefined, null, 1, "output"]) {
        for (const returned of [output, Promise.resolve(output)]) {
          const { addVersion, create, read } = yield* each(clientOf(() => returned))
          for (const failed of [addVersion, create, read]) {
            assert.deepStrictEqual([failed.code, failed.isRetryable], ["UnreadableAnswer", false])
            assert.strictEqual(failed.description.endsWith(inDoubt), failed !== read)
          }
        }
      }
    }))

  it.effect("that throw, or reject with what is no error", () =>
    Effect.gen(function*() {
      const thrown: ReadonlyArray<readonly [unknown, string]> = [
        ["boom", "UnknownError"],
        [undefined, "UnknownError"],
        [null, "UnknownError"],
        [{ name: "" }, "UnknownError"],
        [{ name: "constructor" }, "constructor"],
        [Object.assign(new Error("boom"), { code: "EOWN" }), "EOWN"]
      ]
      for (const [error, code] of thrown) {
        const throwing = clientOf(() => {
          throw error
        })
        for (const client of [clientOf(() => Promise.reject(error)), throwing]) {
          const { create, read } = yield* each(client)
          assert.deepStrictEqual([read.code, read.isRetryable], [code, false])
          assert.isTrue(create.description.endsWith(inDoubt))
        }
      }
    }))

  it.effect("whose errors are those of the AWS SDK itself", () =>
    Effect.gen(function*() {
      const errors = [
        ["CredentialsProviderError", {}, false],
        ["TimeoutError", {}, true],
        ["AbortError", {}, true],
        ["Unheard", { $retryable: {} }, true],
        ["Unheard", { $retryable: { throttling: true }, $fault: "client" }, false]
      ] as const
      for (const [name, fields, isInDoubt] of errors) {
        const thrown = Object.assign(new Error("boom"), { name, ...fields })
        const { addVersion, create, read } = yield* each(clientOf(() => Promise.reject(thrown)))
        for (const failed of [addVersion, create, read]) {
          assert.deepStrictEqual([failed.code, failed.isRetryable], [name, true])
          assert.strictEqual(failed.description, failed !== read && isInDoubt ? `boom; ${inDoubt}` : "boom")
        }
      }
    }))

  it.effect("whose errors and outputs cannot be read", () =>
    Effect.gen(function*() {
      const hostile = new Proxy({}, {
        get: (_, name) => {
          if (name === "then") return undefined
          throw new Error("no")
        },
        has: () => true
      })
      const { create, read } = yield* each(clientOf(() => Promise.reject(hostile)))
      assert.deepStrictEqual([create.code, read.code], ["UnreadableAnswer", "UnreadableAnswer"])
      const { read: readItem } = yield* storageOf(clientOf(() =>
        Promise.resolve({
          Item: new Proxy({}, {
            ownKeys: () => {
              throw new Error("no")
            }
          })
        })
      ))
      assert.strictEqual((yield* failureOf(readItem("id", "branch:ACTIVE"))).reason._tag, "StorageFailed")
      const { read: readOutput } = yield* storageOf(clientOf(() => Promise.resolve(hostile)))
      assert.strictEqual((yield* failureOf(readOutput("id", "branch:ACTIVE"))).reason._tag, "StorageFailed")
    }))
})
