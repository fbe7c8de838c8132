/**
 * The defects that the tests must notice, in the whole of `src`, by the promises that they break or by the rooms that they are
 * in, and the test that notices each.
 *
 * A mutant's text is as short as makes it unique. It is a mistake that a programmer could make, not a crash.
 */
import type { Mutant } from "./Mutant.ts"
import { atOnce } from "./table/atOnce.ts"
import { blindIndexes } from "./table/blindIndex.ts"
import { cached } from "./table/cached.ts"
import { charged } from "./table/charged.ts"
import { clients } from "./table/clients.ts"
import { controlled } from "./table/controlled.ts"
import { crypto } from "./table/crypto.ts"
import { decided } from "./table/decided.ts"
import { dynamoDb } from "./table/dynamoDb.ts"
import { ecdh } from "./table/ecdh.ts"
import { faulty } from "./table/faulty.ts"
import { rotationOfTables } from "./table/fieldRotation.ts"
import { fields } from "./table/fields.ts"
import { format } from "./table/format.ts"
import { foundations } from "./table/foundations.ts"
import { governor } from "./table/governor.ts"
import { hierarchical } from "./table/hierarchical.ts"
import { inFlight } from "./table/inFlight.ts"
import { inMemory } from "./table/inMemory.ts"
import { kept } from "./table/kept.ts"
import { keyPairsOfKms } from "./table/keyPairs.ts"
import { kms } from "./table/kms.ts"
import { kmsEcdh } from "./table/kmsEcdh.ts"
import { kmsServer } from "./table/kmsServer.ts"
import { kmsRsa } from "./table/kmsRsa.ts"
import { manyValues } from "./table/many.ts"
import { materials } from "./table/materials.ts"
import { model } from "./table/model.ts"
import { node } from "./table/node.ts"
import { otherCode } from "./table/otherCode.ts"
import { postgres } from "./table/postgres.ts"
import { rotation } from "./table/rotation.ts"
import { refreshed } from "./table/refreshed.ts"
import { resilient } from "./table/resilient.ts"
import { stores } from "./table/stores.ts"
import { streams } from "./table/streams.ts"
import { testing } from "./table/testing.ts"
import { web } from "./table/web.ts"

export const mutants: ReadonlyArray<Mutant> = [
  ...cached,
  ...charged,
  ...inFlight,
  ...refreshed,
  ...inMemory,
  ...faulty,
  ...controlled,
  ...decided,
  ...kept,
  ...atOnce,
  ...otherCode,
  ...rotationOfTables,
  ...fields,
  ...blindIndexes,
  ...format,
  ...stores,
  ...streams,
  ...clients,
  ...foundations,
  ...crypto,
  ...node,
  ...web,
  ...model,
  ...manyValues,
  ...materials,
  ...ecdh,
  ...resilient,
  ...postgres,
  ...rotation,
  ...governor,
  ...kms,
  ...keyPairsOfKms,
  ...kmsRsa,
  ...kmsEcdh,
  ...kmsServer,
  ...hierarchical,
  ...dynamoDb,
  ...testing
]
