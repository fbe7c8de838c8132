/**
 * `npm run demo`: the records of a real data set, encrypted one by one under a handful of data keys, serialised, decrypted
 * again from the text alone, and compared.
 *
 * Encryption and decryption each have a caching materials manager of their own, with an empty cache, over one KMS. The run
 * ends with a table of the KMS calls that were made, those that the thresholds require for this very input, and those that
 * there would be without a cache. The exit status is 1 where a record differs or the calls are not the required ones.
 *
 * With the library's default suite, which signs every message, it takes some 25 seconds on two cores; with
 * `--suite 0x0478`, which does not, some 5.
 *
 * `npm run demo -- --help` lists the options.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { run } from "./command.ts"

NodeRuntime.runMain(run(process.argv.slice(2)))
