import { assert, describe, it } from "@effect/vitest"
import * as ApiReport from "./apiReport.ts"
import * as Declarations from "./declarations.ts"

const read = (files: Readonly<Record<string, string>>) =>
  Declarations.make((path) => {
    const text = files[path]
    if (text === undefined) throw new Error(`there is no ${path}`)
    return text
  })

const report = (
  files: Readonly<Record<string, string>>,
  entries: Readonly<Record<string, string>> = { own: "a.d.ts" }
) => ApiReport.make(read(files), entries)

const declarationsIn = (files: Readonly<Record<string, string>>) =>
  report(files).entryPoints.flatMap(({ sections }) => sections.flatMap(({ declarations }) => declarations))

describe("exports", () => {
  const names = (files: Readonly<Record<string, string>>) =>
    [...read(files).exportsOf("a.d.ts")].map(([name, target]) =>
      `${name} = ${target._tag === "Declared" ? `${target.path} ${target.name}` : target._tag}`
    )

  it("are those declared, of every kind", () => {
    assert.deepStrictEqual(
      names({
        "a.d.ts": `
          export declare const a: 1, b: 2
          export declare function c(): void
          export declare class D {}
          export interface E {}
          export type F = 1
          export declare namespace G {}
          export declare enum H {}
          declare const hidden: 1
          export {}`
      }),
      ["a", "b", "c", "D", "E", "F", "G", "H"].map((name) => `${name} = a.d.ts ${name}`)
    )
  })

  it("are followed through other modules and their own names", () => {
    assert.deepStrictEqual(
      names({
        "a.d.ts": `
          import { b } from "./b.ts"
          import * as C from "./c/c.js"
          export { b as b1, C, own as own1 }
          export { b as b2, type B } from "./b.ts"
          export * as D from "./c/c.ts"
          export { Effect } from "effect"
          declare const own: 1`,
        "b.d.ts": "export declare const b: 1\nexport * from './c/c.ts'",
        "c/c.d.ts": "export interface B {}"
      }),
      [
        "b1 = b.d.ts b",
        "C = Namespace",
        "own1 = a.d.ts own",
        "b2 = b.d.ts b",
        "B = c/c.d.ts B",
        "D = Namespace",
        "Effect = Outside"
      ]
    )
  })

  it("of a module's own go before those of others, also in a ring", () => {
    assert.deepStrictEqual(
      names({
        "a.d.ts": "export * from './b.ts'\nexport declare const x: 1",
        "b.d.ts": "export * from './a.ts'\nexport declare const x: 2\nexport declare const y: 2"
      }),
      ["x = a.d.ts x", "y = b.d.ts y"]
    )
  })

  it("must be there", () => {
    assert.throws(() => names({ "a.d.ts": "export { x } from './b.ts'", "b.d.ts": "export {}" }), /b.d.ts exports no x/)
    assert.throws(() => names({ "a.d.ts": "export { x }" }), /exports no x/)
  })
})

describe("the report", () => {
  it("has the declarations of a name without docstrings, and the base of a class in its place", () => {
    assert.deepStrictEqual(
      declarationsIn({
        "a.d.ts": `
          /** A class. */
          export declare class A extends A_base {
              /** A field. */
              get a(): string; // why

          }
          declare const A_base: Schema.Class<A, { readonly a: string }, import("effect/Cause").YieldableError>;
          /** A function. */
          export declare function f(a: import("./b/Model.ts").Model): void;`,
        "b/Model.d.ts": ""
      }).map((text) => text.replaceAll(/\n +/g, " ")),
      [
        "declare class A extends Schema.Class<A, { readonly a: string }, Cause.YieldableError> { get a(): string; }",
        "declare function f(a: Model.Model): void;"
      ]
    )
  })

  it("has everything that goes by one name, and says what of it is not exported", () => {
    assert.deepStrictEqual(
      declarationsIn({
        "a.d.ts": "export interface A { a: 1 }\nexport declare const A: { b: 2 }\n" +
          "export type B = 1\ndeclare const B: 2\nexport { C as D }\ndeclare const C: 3"
      }),
      [
        "interface A { a: 1 }",
        "declare const A: { b: 2 }",
        "type B = 1",
        "// Not exported:\ndeclare const B: 2",
        "declare const C: 3",
        "export { C as D }"
      ]
    )
  })

  it("is sorted, with a section for flat names and one for each namespace, and counts them", () => {
    const { entryPoints } = report({
      "a.d.ts":
        "export * as N from './b.ts'\nexport declare const c: 1\nexport * as M from './b.ts'\nexport type B = 1",
      "b.d.ts": "export type Y = 1\nexport * as X from './c.ts'",
      "c.d.ts": "export type Z = 1"
    })
    assert.deepStrictEqual(entryPoints.map(({ count, sections, specifier }) => ({ count, sections, specifier })), [{
      specifier: "own",
      count: 10,
      sections: [
        { title: "", names: ["B", "M", "N", "c"], declarations: ["type B = 1", "declare const c: 1"] },
        { title: "M", names: ["X", "Y"], declarations: ["type Y = 1"] },
        { title: "M.X", names: ["Z"], declarations: ["type Z = 1"] },
        { title: "N", names: ["X", "Y"], declarations: ["type Y = 1"] },
        { title: "N.X", names: ["Z"], declarations: ["type Z = 1"] }
      ]
    }])
  })

  it("has what signatures refer to, and no entry point exports", () => {
    const { unnamed } = report({
      "a.d.ts": `
        import type { Secret } from "./b.ts"
        import * as C from "./c.ts"
        import * as Effect from "effect/Effect"
        declare const TypeId: "a"
        interface Unused {}
        export interface A { readonly [TypeId]: 1; readonly Unused: string }
        export declare const a: (b: Secret, c: C.Inner, d: C.Known) => Effect.Effect<A>
        export * as B from "./d.ts"`,
      "b.d.ts": "export interface Secret extends Deeper {}\ninterface Deeper {}\nexport interface Other {}",
      "c.d.ts":
        "export interface Inner { readonly a: typeof inner }\nexport interface Known {}\ndeclare const inner: 1",
      "d.d.ts": "export type { Known } from './c.ts'"
    })
    assert.deepStrictEqual(unnamed, [
      { module: "a", declarations: ["declare const TypeId: \"a\""] },
      { module: "b", declarations: ["interface Deeper {}", "interface Secret extends Deeper {}"] },
      { module: "c", declarations: ["interface Inner { readonly a: typeof inner }", "declare const inner: 1"] }
    ])
  })
})
