/** Memory that is not just an array's own: shared with other threads, or resizable. */

/** A page has shared memory by WebAssembly alone, unless it is isolated from other origins. */
declare const WebAssembly: {
  readonly Memory: new(
    options: { readonly initial: number; readonly maximum: number; readonly shared: true }
  ) => { readonly buffer: SharedArrayBuffer }
}

const buffers = {
  shared: () => new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer,
  resizable: () => new ArrayBuffer(65_536, { maxByteLength: 131_072 })
}

export type Kind = keyof typeof buffers

export const kinds = ["shared", "resizable"] as const satisfies ReadonlyArray<Kind>

/** The bytes in such memory, not at its start; 65,529 at most. */
export const viewOf = (kind: Kind, bytes: Uint8Array): Uint8Array => {
  const view = new Uint8Array(buffers[kind](), 7, bytes.length)
  view.set(bytes)
  return view
}
