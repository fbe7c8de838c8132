/** Defects of the KMS server. */
import type { Mutant } from "../Mutant.ts"
import * as places from "./places.ts"

const folder = "src/kms/development-only/server/internal/"
const protocol = places.byFolder("kms/server")
const node = places.byFolder("node")
const byBadRequests = protocol("badRequests", "KMS server: bad requests > ")
const byCryptography = protocol("protocol", "KMS server: cryptographic operations > ")
const byKeys = protocol("protocol", "KMS server: operations on keys > ")
const byHttp = node("kmsServer", "KMS server over HTTP > ")
const byFile = node("kmsServer.file", "KMS server: the file of its keys > ")

export const kmsServer: ReadonlyArray<Mutant> = [
  {
    name: "the KMS server replaces a symbolic link to its file",
    file: `${folder}keyStoreFile.ts`,
    find: "fs.realpath(path).catch(",
    replace: "fs.realpath(`${path}/none`).catch(",
    killedBy: byFile("a symbolic link to it stays one")
  },
  {
    name: "the KMS server finds keys of other Regions",
    file: `${folder}identifiers.ts`,
    find: "return id.region === region ?",
    replace: "return id.region !== \"\" ?",
    killedBy: byBadRequests(
      "a key of another Region, or that there is not, is a NotFoundException; no ARN an InvalidArnException"
    )
  },
  {
    name: "the KMS server does not find the replica of its Region where the key is not named",
    file: `${folder}identifiers.ts`,
    find: "KeyArn.isMultiRegion(parsed) ? { ...parsed, region } : parsed",
    replace: "parsed",
    killedBy: byKeys("ReplicateKey makes replicas of a primary key, and of nothing else")
  },
  {
    name: "a context of the KMS server loses __proto__",
    file: `${folder}fields.ts`,
    find: "read[key] = decoded.success",
    replace: "read[key] = key.endsWith(\"Context\") ? Object.assign({}, decoded.success) : decoded.success",
    killedBy: byCryptography("a context with __proto__ is bound as any other")
  },
  {
    name: "a dry run of the KMS server returns its result",
    file: `${folder}cryptography.ts`,
    find: "dryRun === true\n",
    replace: "dryRun === false\n",
    killedBy: byCryptography("a dry run fails as the call would, or with DryRunOperationException")
  },
  {
    name: "a defect of the KMS server is quoted",
    file: `${folder}protocol.ts`,
    find: "Effect.catchDefect(() =>",
    replace: "Effect.catchDefect((defect) => defect instanceof Error ?\n" +
      "        Effect.succeed(toResponse(fault(\"KMSInternalException\", defect.message, 500))) :",
    killedBy: byBadRequests("a defect is a KMSInternalException that says nothing of it")
  },
  {
    name: "the KMS server reads bodies of any length",
    file: `${folder}http.ts`,
    find: "if (length > maxBodyLength)",
    replace: "if (length > 64 * maxBodyLength)",
    killedBy: byHttp("a body of 1 MiB is read, a longer one is not")
  },
  {
    name: "the KMS server serves names that only begin as this machine's",
    file: `${folder}http.ts`,
    find: "(:\\d+)?$/i",
    replace: "(:\\d+)?/i",
    killedBy: byHttp("other methods, paths and hosts")
  },
  {
    name: "others can read the key store of the KMS server",
    file: `${folder}keyStoreFile.ts`,
    find: "0o600",
    replace: "0o644",
    killedBy: byFile("keeps keys of all kinds for the next process, for its owner alone")
  },
  {
    name: "the key store of the KMS server is written in its place",
    file: `${folder}keyStoreFile.ts`,
    find: "fs.rename(beside, target)",
    replace: "fs.copyFile(beside, target)",
    killedBy: byFile("is written after every change, by calls and by the control, and is whole at any time")
  }
]
