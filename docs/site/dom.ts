export const element = (id: string) => document.getElementById(id)!
export const input = (id: string) => element(id) as HTMLInputElement

/** A new element with its class, and what is in it. */
export const make = <Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  className = "",
  ...content: ReadonlyArray<Node | string>
): HTMLElementTagNameMap[Name] => {
  const made = document.createElement(name)
  made.className = className
  made.append(...content)
  return made
}

/** Sets a text where it is another: what did not change keeps the reader's selection and place. */
export const setText = (node: Element, text: string) => {
  if (node.textContent !== text) node.textContent = text
}

/** Makes a group of elements one stop of the Tab key, in which the arrow keys move. Answers what to call with its elements. */
export const arrowKeys = (group: HTMLElement) => {
  const steps: Readonly<Record<string, number>> = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }
  let items: ReadonlyArray<HTMLElement> = []
  const stopAt = (stop: HTMLElement) => {
    for (const item of items) item.tabIndex = item === stop ? 0 : -1
  }
  group.addEventListener("keydown", (event) => {
    const index = items.indexOf(event.target as HTMLElement)
    const to = event.key === "Home" ? 0 : event.key === "End" ? items.length - 1 : index + (steps[event.key] ?? 0)
    if (index < 0 || to === index || items[to] === undefined) return
    event.preventDefault()
    items[to].focus()
  })
  group.addEventListener("focusin", (event) => stopAt(event.target as HTMLElement))
  return (next: ReadonlyArray<HTMLElement>) => {
    items = next
    if (next[0] !== undefined) stopAt(next[0])
  }
}
