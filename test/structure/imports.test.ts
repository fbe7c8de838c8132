/**
 * Which room of `src` may know which: read from the imports of every file, type imports and re-exports included.
 */
import { assert, describe, it } from "@effect/vitest"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join, posix } from "node:path"
import { fileURLToPath } from "node:url"
import { parseSync } from "vite"

const src = fileURLToPath(new URL("../../src", import.meta.url))

interface Rule {
  /** Rooms that it may import. A room may always import itself. */
  readonly rooms: ReadonlyArray<string>
  /** Files of those rooms that it may not import even so. */
  readonly except?: ReadonlyArray<string>
  /** Packages that it may import besides the submodules of `effect`. */
  readonly packages?: RegExp
  /** Whether it may use the globals of Node. */
  readonly node?: true
}

/** What every room above the ground may know: values, and the port to cryptography. */
const values = ["model", "internal"]
const ports = ["crypto", "message", ...values]
const core = ["materials", ...ports]

/** Every room of `src`, by its folder; `root` holds the client's service. A room knows those below it, and no others. */
const rules: Readonly<Record<string, Rule>> = {
  internal: { rooms: [] },
  model: { rooms: ["internal"] },
  message: { rooms: values, except: ["model/errors/KeyringError.ts"] },
  crypto: {
    rooms: values,
    except: ["model/errors/KeyringError.ts"],
    packages: /^(effect\/crypto\/|@noble\/(curves\/nist|hashes\/(hmac|sha2))\.js$)/
  },
  materials: { rooms: ports },
  client: { rooms: core },
  stream: { rooms: ["client", ...core] },
  root: { rooms: ["client", "stream", ...core] },
  caching: { rooms: core },
  // ECDH is Effect's, which has one layer for every runtime: there is nothing to put into Primitives.
  raw: { rooms: core, packages: /^effect\/crypto\/(CryptoError|KeyAgreement|KeyFormat)$/ },
  kms: { rooms: core },
  hierarchical: { rooms: ["kms", ...core] },
  // Fields are written for the client: they know its service, and nothing of how messages are made.
  fields: { rooms: ["root", ...core], packages: /^effect\/(encoding|persistence)\/\w+$/ },
  // The only other room with an AWS SDK: branch keys in a table, as AWS KMS behind its port is in kms/aws.
  "hierarchical/dynamodb": {
    rooms: ["hierarchical", ...core],
    packages: /^@aws-sdk\/client-dynamodb$/,
    node: true
  },
  // Postgres is reached through the SqlClient of the program.
  "hierarchical/postgres": { rooms: ["hierarchical", ...core], packages: /^effect\/sql\/(SqlClient|SqlError)$/ },
  // Rates that processes share and circuits are Effect's; the rest is the governor's own.
  "kms/governor": { rooms: ["kms", ...core], packages: /^effect\/persistence\/(CircuitBreaker|RateLimiter)$/ },
  "kms/aws": { rooms: ["kms", ...core], packages: /^@aws-sdk\/client-kms$/, node: true },
  // Key pairs of its keys are made by effect/crypto, on WebCrypto: `Primitives` makes none.
  "kms/development-only": {
    rooms: ["kms", ...core],
    packages: /^effect\/crypto\/(CryptoError|Digest|KeyAgreement|KeyFormat|KeyWrap|SecureRandom|WebCrypto)$/
  },
  "kms/development-only/server": {
    rooms: ["kms/development-only", "kms", ...core],
    packages: /^node:(fs\/promises|http|net)$/,
    node: true
  },
  node: {
    rooms: ["crypto", ...values],
    packages: /^(node:(buffer|crypto|stream|util)|effect\/crypto\/\w+|@noble\/curves\/nist\.js)$/,
    node: true
  },
  web: {
    rooms: ["crypto", ...values],
    packages: /^(effect\/crypto\/WebCrypto|@noble\/(ciphers\/aes|curves\/nist|hashes\/sha2)\.js)$/
  },
  testing: {
    rooms: ["kms", "kms/development-only", "caching", "raw", ...core],
    packages: /^effect\/testing\/\w+$/
  }
}

/** Time comes from Clock and randomness from Primitives, so that both can be replaced. */
const impure =
  /^(Date|performance|Math\.random|crypto|setTimeout|setInterval|setImmediate|queueMicrotask|console|globalThis)$/

/** The one file with timers of its own: Effect's clock has none that let a process end. It passes over every other clock. */
const timers = { file: "caching/internal/unreferenced.ts", name: "setTimeout" }

const nodeGlobals = /^(Buffer|process|global|require|__dirname|__filename)$/

interface Import {
  readonly specifier: string
  readonly typeOnly: boolean
}

interface Source {
  readonly imports: ReadonlyArray<Import>
  /** Free-standing identifiers that are not imported, and `Math.random`. */
  readonly names: ReadonlySet<string>
}

type Node = { readonly type: string } & Readonly<Record<string, unknown>>

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && "type" in value && typeof value.type === "string"

/** Keys of nodes under which an identifier is the name of a member, which stands for nothing by itself. */
const memberName: Readonly<Record<string, string>> = {
  MemberExpression: "property",
  Property: "key",
  MethodDefinition: "key",
  PropertyDefinition: "key",
  TSPropertySignature: "key",
  TSMethodSignature: "key",
  TSQualifiedName: "right",
  ImportSpecifier: "imported",
  ExportSpecifier: "exported",
  ExportAllDeclaration: "exported"
}

const literal = (node: unknown): string => {
  if (isNode(node) && node["type"] === "Literal" && typeof node["value"] === "string") return node["value"]
  throw new Error("an import's specifier must be a literal")
}

const parse = (path: string, text: string): Source => {
  const { errors, program } = parseSync(path, text)
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]!.message}`)
  const imports: Array<Import> = []
  const names = new Set<string>()
  const imported = new Set<string>()
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(visit)
    if (!isNode(value)) return
    switch (value.type) {
      case "ImportDeclaration":
      case "ExportNamedDeclaration":
      case "ExportAllDeclaration":
        if (isNode(value["source"])) {
          const typeOnly = value["importKind"] === "type" || value["exportKind"] === "type"
          imports.push({ specifier: literal(value["source"]), typeOnly })
        }
        break
      case "ImportExpression":
        imports.push({ specifier: literal(value["source"]), typeOnly: false })
        break
      case "TSImportType":
        imports.push({ specifier: literal(value["source"]), typeOnly: true })
        break
      case "TSExternalModuleReference":
        imports.push({ specifier: literal(value["expression"]), typeOnly: false })
        break
      case "ImportDefaultSpecifier":
      case "ImportNamespaceSpecifier":
      case "ImportSpecifier":
        if (isNode(value["local"])) imported.add(String(value["local"]["name"]))
        break
      case "Identifier":
        names.add(String(value["name"]))
        break
      case "MemberExpression":
        if (isNode(value["object"]) && value["object"]["name"] === "Math") {
          const { computed, property } = value
          if (isNode(property) && (computed === true ? property["value"] : property["name"]) === "random") {
            names.add("Math.random")
          }
        }
        break
    }
    for (const [key, child] of Object.entries(value)) {
      if (key === memberName[value.type] && value["computed"] !== true && value["shorthand"] !== true) continue
      visit(child)
    }
  }
  visit(program)
  return { imports, names: new Set([...names].filter((name) => !imported.has(name))) }
}

/**
 * The room that a file belongs to, by its path in `src`. A room may keep a folder `internal` for itself alone, and `errors`
 * is a part of its room.
 */
const roomOf = (path: string): string => {
  const folder = posix.dirname(path).replace(/\/(internal|errors)$/, "")
  return folder === "." ? "root" : folder
}

/** The file that a relative specifier means, by its path in `src`. */
const target = (path: string, specifier: string): string => posix.join(posix.dirname(path), specifier)

/** What a file does against its room's rule, one line each. */
const violations = (path: string, { imports, names }: Source): ReadonlyArray<string> => {
  const room = roomOf(path)
  const rule = rules[room]
  if (rule === undefined) return [`the folder ${room} has no rule`]
  const found: Array<string> = []
  for (const { specifier } of imports) {
    if (specifier.startsWith(".")) {
      const file = target(path, specifier)
      const other = roomOf(file)
      const allowed = [room, ...rule.rooms]
      const hidden = other !== room && file.includes("/internal/")
      if (!allowed.includes(other) || hidden || rule.except?.includes(file) === true) {
        found.push(`${room} may not import ${file}`)
      }
    } else if (!/^effect\/(encoding\/)?[A-Z]\w*$/.test(specifier) && rule.packages?.test(specifier) !== true) {
      found.push(`${room} may not import ${specifier}`)
    }
  }
  for (const name of names) {
    if (path === timers.file && name === timers.name) continue
    if (impure.test(name) || (nodeGlobals.test(name) && rule.node !== true)) found.push(`${room} may not use ${name}`)
  }
  return found
}

/** The first ring of files that import each other, types included; empty where there is none. */
const findCycle = (graph: ReadonlyMap<string, ReadonlyArray<string>>): ReadonlyArray<string> => {
  const done = new Set<string>()
  const search = (file: string, trail: ReadonlyArray<string>): ReadonlyArray<string> => {
    if (trail.includes(file)) return [...trail.slice(trail.indexOf(file)), file]
    if (done.has(file)) return []
    done.add(file)
    for (const next of graph.get(file) ?? []) {
      const cycle = search(next, [...trail, file])
      if (cycle.length > 0) return cycle
    }
    return []
  }
  for (const file of graph.keys()) {
    const cycle = search(file, [])
    if (cycle.length > 0) return cycle
  }
  return []
}

const entries = readdirSync(src, { recursive: true, withFileTypes: true })
const pathOf = (entry: { readonly parentPath: string; readonly name: string }) =>
  posix.normalize(join(entry.parentPath, entry.name).slice(src.length + 1).replaceAll("\\", "/"))
const folders = entries.filter((entry) => entry.isDirectory()).map(pathOf).toSorted()
const files = entries.filter((entry) => entry.isFile() && entry.name !== "tsconfig.json").map(pathOf).toSorted()
const read = (path: string) => parse(path, readFileSync(join(src, path), "utf8"))

describe("the checker", () => {
  const check = (path: string, text: string) => violations(path, parse(path, text))

  it("sees every form of import", () => {
    const source = parse(
      "X.ts",
      `import * as A from "a"
      import type { B } from "b"
      import { type C } from "c"
      import "d"
      export * from "e"
      export * as F from "f"
      export { G } from "g"
      export type { H } from "h"
      const i = import("i")
      type J = import("j").J
      import k = require("k")
      export const own = 1`
    )
    assert.deepStrictEqual(
      source.imports.map(({ specifier, typeOnly }) => typeOnly ? `type ${specifier}` : specifier),
      ["a", "type b", "c", "d", "e", "f", "g", "type h", "i", "type j", "k"]
    )
    assert.throws(() => parse("X.ts", "import(name)"), /literal/)
    assert.throws(() => parse("X.ts", "import from"))
  })

  it("sees the globals that are used, and no members that are only named like them", () => {
    const { names } = parse(
      "X.ts",
      "Date.now(); x.performance; ({ process: 1, Buffer }); class A { console = y.setTimeout }; Math['random'](); f(global)"
    )
    const seen = [...names].filter((name) => impure.test(name) || nodeGlobals.test(name))
    assert.deepStrictEqual(seen, ["Date", "Buffer", "Math.random", "global"])
    assert.isFalse(parse("X.ts", "Math.max(random)").names.has("Math.random"))
    assert.isTrue(parse("X.ts", "Math.random()").names.has("Math.random"))
  })

  it("rejects what a room may not know", () => {
    for (
      const [path, text] of [
        ["message/X.ts", "import type { AesKey } from '../crypto/Primitives.ts'"],
        ["message/X.ts", "export * from '../materials/Keyring.ts'"],
        ["crypto/X.ts", "import type { Keyring } from '../materials/Keyring.ts'"],
        ["crypto/X.ts", "import { KeyringError } from '../model/errors/KeyringError.ts'"],
        ["crypto/X.ts", "import * as h from '../message/MessageHeader.ts'"],
        ["model/DataKey.ts", "import type { Primitives } from '../crypto/Primitives.ts'"],
        ["model/X.ts", "import * as h from '../message/MessageHeader.ts'"],
        ["materials/X.ts", "import * as request from '../client/request.ts'"],
        ["client/X.ts", "import * as stream from '../stream/index.ts'"],
        ["message/X.ts", "import { KeyringError } from '../model/errors/KeyringError.ts'"],
        ["EncryptionSdk.ts", "import { createHash } from 'node:crypto'"],
        ["EncryptionSdk.ts", "export * as NodePrimitives from './node/NodePrimitives.ts'"],
        ["EncryptionSdk.ts", "import type { KMSClient } from '@aws-sdk/client-kms'"],
        ["EncryptionSdk.ts", "import { Effect } from 'effect'"],
        ["EncryptionSdk.ts", "import * as Aead from 'effect/crypto/Aead'"],
        ["EncryptionSdk.ts", "import * as Sdk from 'effect-encryption-sdk'"],
        ["EncryptionSdk.ts", "import * as Caching from './caching/index.ts'"],
        ["raw/X.ts", "import { Kms } from '../kms/Kms.ts'"],
        ["kms/X.ts", "import * as HierarchicalKeyring from '../hierarchical/HierarchicalKeyring.ts'"],
        ["hierarchical/X.ts", "import * as LocalCache from '../caching/LocalCache.ts'"],
        ["hierarchical/X.ts", "import * as EmbeddedKms from '../kms/development-only/EmbeddedKms.ts'"],
        ["kms/X.ts", "import * as AwsKms from './aws/AwsKms.ts'"],
        ["kms/X.ts", "import * as EmbeddedKms from './development-only/EmbeddedKms.ts'"],
        ["kms/aws/X.ts", "import { readFileSync } from 'node:fs'"],
        ["kms/development-only/X.ts", "import { createServer } from 'node:http'"],
        ["kms/development-only/X.ts", "import * as Server from './server/KmsServer.ts'"],
        ["kms/development-only/server/X.ts", "import { createHash } from 'node:crypto'"],
        ["testing/X.ts", "import * as Server from '../kms/development-only/server/KmsServer.ts'"],
        ["caching/X.ts", "import * as ScriptedKms from '../testing/ScriptedKms.ts'"],
        ["node/X.ts", "import { KMSClient } from '@aws-sdk/client-kms'"],
        ["testing/X.ts", "import * as NodePrimitives from '../node/NodePrimitives.ts'"],
        ["testing/X.ts", "import * as entry from '../caching/internal/entry.ts'"],
        ["unheard-of/X.ts", ""],
        ["unheard-of/internal/X.ts", ""],
        ["web/X.ts", "import { randomBytes } from 'node:crypto'"],
        ["web/X.ts", "import * as NodePrimitives from '../node/NodePrimitives.ts'"],
        ["web/X.ts", "const subtle = crypto.subtle"],
        ["web/X.ts", "const noble = await import('@noble/hashes/blake3.js')"],
        ["EncryptionSdk.ts", "import { gcm } from '@noble/ciphers/aes.js'"],
        ["node/X.ts", "const now = Date.now()"],
        ["node/X.ts", "import { performance as clock } from 'node:perf_hooks'"],
        ["crypto/X.ts", "crypto.subtle.digest('SHA-384', data)"],
        ["caching/X.ts", "const text = Buffer.from(key)"]
      ] as const
    ) {
      assert.lengthOf(check(path, text), 1, `${path}: ${text}`)
    }
  })

  it("allows what a room may know", () => {
    for (
      const [path, text] of [
        [
          "message/X.ts",
          "import * as suite from '../model/AlgorithmSuite.ts'; import * as Schema from 'effect/Schema'"
        ],
        ["model/CryptographicMaterials.ts", "import type { SigningKey } from './KeyHandles.ts'"],
        ["materials/X.ts", "import { EncryptError } from '../model/errors/EncryptError.ts'"],
        ["stream/X.ts", "import * as request from '../client/request.ts'"],
        ["EncryptionSdk.ts", "import * as P from './crypto/Primitives.ts'; import * as H from './message/Header.ts'"],
        ["kms/aws/X.ts", "import { KMSClient } from '@aws-sdk/client-kms'; import { Kms } from '../Kms.ts'"],
        ["hierarchical/X.ts", "import { callKms } from '../kms/calls.ts'; import { check } from './internal/check.ts'"],
        ["web/X.ts", "import * as W from 'effect/crypto/WebCrypto'; import('@noble/ciphers/aes.js')"],
        ["node/X.ts", "import * as crypto from 'node:crypto'; export const x = crypto.sign(Buffer)"],
        ["caching/X.ts", "import * as entry from './internal/entry.ts'; import * as Hex from 'effect/encoding/Hex'"],
        ["caching/internal/X.ts", "import * as bytes from '../../internal/bytes.ts'; import * as Y from '../Y.ts'"],
        [
          "kms/development-only/server/X.ts",
          "import { createServer } from 'node:http'; import * as EmbeddedKms from '../EmbeddedKms.ts'"
        ],
        ["testing/X.ts", "import * as EmbeddedKms from '../kms/development-only/EmbeddedKms.ts'"]
      ] as const
    ) {
      assert.deepStrictEqual(check(path, text), [], `${path}: ${text}`)
    }
  })

  it("finds a ring of imports", () => {
    assert.deepStrictEqual(findCycle(new Map([["a", ["b"]], ["b", ["c"]], ["c", ["b"]]])), ["b", "c", "b"])
    assert.deepStrictEqual(findCycle(new Map([["a", ["b", "c"]], ["b", ["c"]], ["c", []]])), [])
  })
})

describe("the rules", () => {
  it("speak of every folder of src, and of nothing else", () => {
    const rooms = new Set(folders.map((folder) => roomOf(`${folder}/X.ts`)))
    assert.deepStrictEqual(Object.keys(rules).toSorted(), [...rooms, "root"].toSorted())
    assert.deepStrictEqual(files.filter((file) => !file.endsWith(".ts")), [])
  })
})

describe("src", () => {
  for (const path of files) {
    it(path, () => {
      const source = read(path)
      assert.deepStrictEqual(violations(path, source), [])
      const missing = source.imports.map(({ specifier }) => specifier).filter((specifier) =>
        specifier.startsWith(".") && !existsSync(join(src, target(path, specifier)))
      )
      assert.deepStrictEqual(missing, [], "imports of files that are not there")
    })
  }

  it("no cycles", () => {
    const graph = new Map(files.map((path) => [
      path,
      read(path).imports.map(({ specifier }) => specifier).filter((specifier) => specifier.startsWith("."))
        .map((specifier) => target(path, specifier))
    ]))
    assert.deepStrictEqual(findCycle(graph), [])
  })
})
