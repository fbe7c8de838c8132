/** PEM texts of keys. */

/** A structure that a PEM block can hold, and the label that it then has. */
export interface Format {
  readonly label: string
  readonly structure: string
}

export const publicKey: Format = { label: "PUBLIC KEY", structure: "SubjectPublicKeyInfo" }

export const privateKey: Format = { label: "PRIVATE KEY", structure: "PKCS #8 PrivateKeyInfo" }

/**
 * The problem with a text that should be one PEM block of this format, as a sentence's end; undefined where there is none.
 * Never quotes the text.
 */
export const problem = (pem: string, { label, structure }: Format): string | undefined => {
  const found = /^\s*-----BEGIN ([A-Z0-9 ]+)-----[A-Za-z0-9+/=\s]+-----END \1-----\s*$/.exec(pem)?.[1]
  if (found === label) return undefined
  const got = found === undefined ? "is no PEM text of one key" : `is a PEM "${found}"`
  return `${got}, expected "${label}" (${structure}, not encrypted)`
}

/** The problem with a PEM block of the right label that does not hold its structure, as a sentence's end. */
export const malformed = ({ structure }: Format): string => `is no valid ${structure}`

/** The base64 text between the lines of a PEM block, without white space. */
export const body = (pem: string): string => pem.replace(/-----[A-Z0-9 ]+-----|\s/g, "")
