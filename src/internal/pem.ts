/** The fault of a text that should be one PEM block of this label, if it has one. Never quotes the text. */
export const problem = (pem: string, label: string, structure: string): string | undefined => {
  const found = /^\s*-----BEGIN ([A-Z0-9 ]+)-----[A-Za-z0-9+/=\s]+-----END \1-----\s*$/.exec(pem)?.[1]
  if (found === label) return undefined
  const got = found === undefined ? "is no PEM text of one key" : `is a PEM "${found}"`
  return `${got}, expected "${label}" (${structure}, not encrypted)`
}

/** The base64 text between the lines of a PEM block, without white space. */
export const body = (pem: string): string => pem.replace(/-----[A-Z0-9 ]+-----|\s/g, "")
