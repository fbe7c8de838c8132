/**
 * Ways to break what the soak looks at, one for each kind of check, so that it can be seen that the checks can fail.
 */
import { Effect } from "effect"
import { CryptographicMaterialsManager, DataKey } from "effect-encryption-sdk"
import { type CachingCmm, MaterialsCache } from "effect-encryption-sdk/caching"
import type { Kms } from "effect-encryption-sdk/kms"

/** What can be broken, and in which way. */
export const sabotages = {
  oneMessageMore: "the manager allows each data key one message more",
  oneByteMore: "the manager allows each data key one byte more",
  oneTickOlder: "the manager serves an entry half a second longer",
  oneEntryMore: "the decrypt cache holds one entry more",
  sharedDataKey: "the manager below answers the data key before the last, now and then",
  strangeDataKey: "the manager hands out a data key that it did not get, now and then",
  neverZeroed: "the cache drops entries, now and then, and does not zero them",
  zeroedEarly: "data keys are zeroed while operations use them",
  notReleased: "operations are handed copies of which nobody knows, now and then",
  kmsNotReleased: "plaintexts of the KMS are not zeroed, now and then",
  uncountedCall: "the KMS is called twice, now and then",
  uncountedRequest: "the manager is asked twice, now and then",
  unscriptedFault: "the manager below dies, now and then",
  unansweredRequest: "the manager does not answer, now and then",
  keptAnswers: "every answer is kept"
} as const

export type Sabotage = keyof typeof sabotages

/** How much thresholds and capacity are looser than they should be. */
export interface More {
  readonly messages: number
  readonly bytes: number
  readonly millis: number
  readonly entries: number
}

type Manager = CryptographicMaterialsManager.CryptographicMaterialsManager

/** True for every n-th question. */
const every = (n: number) => {
  let count = 0
  return (): boolean => ++count % n === 0
}

/** Whether something is broken, and now. */
interface Broken {
  readonly broken: (sabotage: Sabotage) => boolean
  readonly nowAndThen: () => boolean
}

const kmsOf = ({ broken, nowAndThen }: Broken, kms: Kms.Kms): Kms.Kms => ({
  ...kms,
  generateDataKey: (request) =>
    Effect.gen(function*() {
      const response = yield* kms.generateDataKey(request)
      if (broken("uncountedCall") && nowAndThen()) DataKey.zero((yield* kms.generateDataKey(request)).plaintext)
      return broken("kmsNotReleased") && nowAndThen()
        ? { ...response, plaintext: DataKey.copy(response.plaintext) }
        : response
    })
})

const underlyingOf = ({ broken, nowAndThen }: Broken, manager: Manager): Manager => {
  let previous: DataKey.DataKey | undefined
  return CryptographicMaterialsManager.make({
    ...manager,
    getEncryptionMaterials: (request) =>
      Effect.map(manager.getEncryptionMaterials(request), (response) => {
        if (broken("unscriptedFault") && nowAndThen()) throw new Error("sabotage")
        if (!broken("sharedDataKey")) return response
        const { materials } = response
        const shared = previous
        previous = DataKey.copy(materials.plaintextDataKey)
        return shared !== undefined && nowAndThen()
          ? { ...response, materials: { ...materials, plaintextDataKey: shared } }
          : response
      })
  })
}

const cachingOf = ({ broken, nowAndThen }: Broken, cmm: CachingCmm.CachingCmm): CachingCmm.CachingCmm => ({
  ...cmm,
  getEncryptionMaterials: (request) =>
    Effect.gen(function*() {
      if (broken("unansweredRequest") && nowAndThen()) return yield* Effect.never
      if (broken("uncountedRequest") && nowAndThen()) yield* cmm.getEncryptionMaterials(request)
      const response = yield* cmm.getEncryptionMaterials(request)
      const { materials } = response
      if (broken("zeroedEarly")) {
        yield* Effect.forkDetach(
          Effect.delay(Effect.sync(() => DataKey.zero(materials.plaintextDataKey)), "400 millis")
        )
      }
      const handOut = (plaintextDataKey: DataKey.DataKey) => ({
        ...response,
        materials: { ...materials, plaintextDataKey }
      })
      if (broken("notReleased") && nowAndThen()) return handOut(DataKey.copy(materials.plaintextDataKey))
      if (broken("strangeDataKey") && nowAndThen()) {
        return handOut(yield* DataKey.zeroWithScope(DataKey.make(new Uint8Array(32).fill(1))))
      }
      return response
    })
})

/** The parts of a run as they are, but for those that are broken. */
export const apply = (sabotages: ReadonlyArray<Sabotage>) => {
  const broken = (sabotage: Sabotage) => sabotages.includes(sabotage)
  const state: Broken = { broken, nowAndThen: every(200) }
  const kept: Array<unknown> = []
  return {
    more: {
      messages: broken("oneMessageMore") ? 1 : 0,
      bytes: broken("oneByteMore") ? 1 : 0,
      millis: broken("oneTickOlder") ? 500 : 0,
      entries: broken("oneEntryMore") ? 1 : 0
    } satisfies More,
    kms: (kms: Kms.Kms): Kms.Kms => kmsOf(state, kms),
    /** The manager below the caching one. */
    underlying: (manager: Manager): Manager => underlyingOf(state, manager),
    cache: (cache: MaterialsCache.MaterialsCache): MaterialsCache.MaterialsCache =>
      broken("neverZeroed")
        ? MaterialsCache.make({ ...cache, put: (entry) => state.nowAndThen() ? Effect.void : cache.put(entry) })
        : cache,
    /** The caching manager itself. */
    manager: (cmm: CachingCmm.CachingCmm): CachingCmm.CachingCmm => cachingOf(state, cmm),
    answered: (response: unknown): void => {
      if (broken("keptAnswers")) kept.push(response)
    }
  }
}
