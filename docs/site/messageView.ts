/** The bytes of a message beside its fields: who looks at one sees the other. */
import { contentOf, type Field } from "./anatomy.ts"
import { arrowKeys, element, make } from "./dom.ts"
import { toHex } from "./hex.ts"
import { count } from "./sentences.ts"

/** How much of a long field is shown, in bytes. */
const isNarrow = matchMedia("(max-width: 40rem)")
const most = () => isNarrow.matches ? 64 : 200

let showAll = false
let shownFields: ReadonlyArray<Field> = []
let spans: ReadonlyArray<HTMLElement> = []
let rows: ReadonlyArray<HTMLElement> = []

const setSpans = arrowKeys(element("hex"))
const setRows = arrowKeys(element("fields"))

const cutHex = (bytes: Uint8Array) => {
  const more = bytes.length - most()
  return showAll || more <= 0
    ? toHex(bytes)
    : `${toHex(bytes.subarray(0, most()))} … ${more.toLocaleString("en")} more`
}

const light = (index: number) => {
  for (const list of [spans, rows]) for (const [at, item] of list.entries()) item.classList.toggle("lit", at === index)
}

for (const [id, list] of [["hex", () => spans], ["fields", () => rows]] as const) {
  const indexOf = (event: Event) => list().findIndex((item) => item.contains(event.target as Node))
  for (const type of ["pointerover", "focusin"]) element(id).addEventListener(type, (event) => light(indexOf(event)))
  for (const type of ["pointerleave", "focusout"]) element(id).addEventListener(type, () => light(-1))
}

const cell = (label: string, ...content: ReadonlyArray<Node | string>) => {
  const made = make("td", "", ...content)
  made.setAttribute("role", "cell")
  made.dataset["label"] = label
  return made
}

const render = () => {
  spans = shownFields.map(({ bytes, name }) => {
    const span = make("span", "", cutHex(bytes))
    span.title = name
    span.setAttribute("role", "img")
    span.setAttribute("aria-label", `${name}: ${count(bytes.length, "byte")}`)
    return span
  })
  rows = shownFields.map((field) => {
    const { bytes, content, name, offset } = field
    const row = make(
      "tr",
      "",
      cell("Field", make("i"), name),
      cell("Offset", String(offset)),
      cell("Bytes", String(bytes.length)),
      cell("Content", content === undefined ? cutHex(bytes) : contentOf(field))
    )
    row.setAttribute("role", "row")
    return row
  })
  for (const list of [spans, rows]) {
    for (const [index, item] of list.entries()) item.style.setProperty("--hue", String((index * 47 + 210) % 360))
  }
  element("hex").replaceChildren(...spans)
  element("fields").replaceChildren(...rows)
  setSpans(spans)
  setRows(rows)
  element("all").hidden = !shownFields.some(({ bytes, content }) => content === undefined && bytes.length > most())
  element("all").textContent = showAll ? "Show less" : "Show all bytes"
}

isNarrow.addEventListener("change", () => render())
element("all").addEventListener("click", () => {
  showAll = !showAll
  render()
})

export const showMessage = (fields: ReadonlyArray<Field>) => {
  showAll = false
  shownFields = fields
  const length = fields.reduce((sum, { bytes }) => sum + bytes.length, 0)
  element("summary").textContent = `${count(length, "byte")} in ${
    count(fields.length, "field")
  }. Point at a field, or reach it with the arrow keys, and its bytes light up; and the reverse.`
  render()
}

/** Marks the field that a byte was changed in. */
export const markChanged = (position: number) => {
  const index = shownFields.findIndex(({ bytes, offset }) => position >= offset && position < offset + bytes.length)
  for (const list of [spans, rows]) {
    for (const [at, item] of list.entries()) item.classList.toggle("changed", at === index)
  }
}
