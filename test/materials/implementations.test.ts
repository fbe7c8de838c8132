import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { CryptographicMaterialsManager, Keyring } from "effect-encryption-sdk"
import { MaterialsCache } from "effect-encryption-sdk/caching"

describe("what a user implements may be a class instance: its methods are kept, with their this", () => {
  it("Keyring.make", () => {
    class Own {
      readonly name = "Own"
      readonly state = "state"
      onEncrypt() {
        return Effect.die(this.state)
      }
      onDecrypt() {
        return Effect.die(this.state)
      }
    }
    const keyring = Keyring.make(new Own())
    assert.isTrue(Keyring.isKeyring(keyring))
    assert.isFalse(Keyring.isKeyring(new Own()))
    assert.throws(() => Effect.runSync(Effect.scoped(keyring.onEncrypt({} as never))), /state/)
    assert.throws(() => Effect.runSync(Effect.scoped(keyring.onDecrypt({} as never, []))), /state/)
  })

  it("CryptographicMaterialsManager.make", () => {
    class Own {
      readonly state = "state"
      getEncryptionMaterials() {
        return Effect.die(this.state)
      }
      decryptMaterials() {
        return Effect.die(this.state)
      }
    }
    const manager = CryptographicMaterialsManager.make(new Own())
    assert.isTrue(CryptographicMaterialsManager.isCryptographicMaterialsManager(manager))
    assert.throws(() => Effect.runSync(Effect.scoped(manager.getEncryptionMaterials({} as never))), /state/)
    assert.throws(() => Effect.runSync(Effect.scoped(manager.decryptMaterials({} as never))), /state/)
  })

  it("MaterialsCache.make", () => {
    class Own {
      readonly stores = true
      readonly clear = Effect.void
      readonly size = Effect.succeed(7)
      readonly seen: Array<string> = []
      getUnsafe(key: string) {
        this.seen.push(key)
        return undefined
      }
      get(key: string) {
        return Effect.sync(() => this.getUnsafe(key))
      }
      put() {
        return Effect.sync(() => void this.seen.push("put"))
      }
      delete() {
        return Effect.sync(() => void this.seen.push("delete"))
      }
      deleteWhere() {
        return Effect.sync(() => this.seen.push("deleteWhere"))
      }
    }
    const own = new Own()
    const cache = MaterialsCache.make(own)
    assert.isTrue(MaterialsCache.isMaterialsCache(cache))
    cache.getUnsafe?.("a")
    Effect.runSync(cache.get("b"))
    Effect.runSync(cache.put({} as never))
    Effect.runSync(cache.delete({} as never, "deleted"))
    Effect.runSync(cache.deleteWhere(() => true, "deleted"))
    assert.deepStrictEqual(own.seen, ["a", "b", "put", "delete", "deleteWhere"])
    assert.strictEqual(Effect.runSync(cache.size), 7)
  })
})
