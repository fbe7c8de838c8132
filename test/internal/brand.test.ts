import { assert, describe, it } from "@effect/vitest"
import { makeBrand } from "../../src/internal/brand.ts"

describe("brand", () => {
  it("marks an object, and returns it", () => {
    const brand = makeBrand()
    const object = { a: 1 }
    assert.isFalse(brand.has(object))
    assert.strictEqual(brand.mark(object), object)
    assert.isTrue(brand.has(object))
    assert.strictEqual(brand.mark(object), object, "a second time")
    assert.isTrue(brand.has(object))
  })

  it("marks what is frozen, sealed or without a prototype, arrays, functions and instances", () => {
    const brand = makeBrand()
    const objects: ReadonlyArray<object> = [
      Object.freeze({ a: 1 }),
      Object.seal({}),
      Object.preventExtensions({}),
      Object.create(null) as object,
      Object.freeze([1]),
      () => {},
      new Map(),
      new Uint8Array(1)
    ]
    for (const object of objects) assert.strictEqual(brand.mark(object), object)
    for (const object of objects) assert.isTrue(brand.has(object))
  })

  it("is on no copy, heir or proxy of a marked object", () => {
    const brand = makeBrand()
    for (const object of [brand.mark({ a: 1 }), brand.mark(Object.freeze({ a: 1 }))]) {
      const others: ReadonlyArray<object> = [
        { ...object },
        Object.assign({}, object),
        Object.create(object) as object,
        Object.setPrototypeOf({}, object) as object,
        Object.defineProperties({}, Object.getOwnPropertyDescriptors(object)),
        structuredClone(object),
        JSON.parse(JSON.stringify(object)) as object,
        new Proxy(object, {})
      ]
      for (const other of others) assert.isFalse(brand.has(other))
    }
  })

  it("shows nothing of itself", () => {
    const object = makeBrand().mark({ a: 1 })
    assert.deepStrictEqual(Reflect.ownKeys(object), ["a"])
    assert.strictEqual(Object.getPrototypeOf(object), Object.prototype)
    assert.deepStrictEqual(object, { a: 1 })
  })

  it("is apart from every other brand", () => {
    const [one, other] = [makeBrand(), makeBrand()]
    const object = one.mark({})
    assert.isFalse(other.has(object))
    other.mark(object)
    assert.isTrue(one.has(object) && other.has(object))
  })
})
