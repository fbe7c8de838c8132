/**
 * Texts that are no key for RSA, or none that is taken, and the words in which every layer of `Primitives` rejects them. The
 * keys protect nothing.
 */
import { rsaPrivateKey, rsaPublicKey } from "../rsaKeys.ts"

interface Pair {
  readonly publicKey: string
  readonly privateKey: string
}

const pem = (label: string, base64: string) => `-----BEGIN ${label}-----\n${base64}\n-----END ${label}-----\n`

const ec: Pair = {
  publicKey: pem(
    "PUBLIC KEY",
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAErMHdf6G9mMHPMS6tv5E7DmCGJvMFz/V7M1vMMOB9tlVHPb08V/KyenIoRbvGG9y7" +
      "fC+eTSisiuemmdMLVInc3A=="
  ),
  privateKey: pem(
    "PRIVATE KEY",
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgU5LOOurqOh9gMtQlrOaFtd/t09Dzcm2K4wx9vWKj7DOhRANCAASs" +
      "wd1/ob2Ywc8xLq2/kTsOYIYm8wXP9XszW8ww4H22VUc9vTxX8rJ6cihFu8Yb3Lt8L55NKKyK56aZ0wtUidzc"
  )
}

const rsaPss: Pair = {
  publicKey: pem(
    "PUBLIC KEY",
    "MFowCwYJKoZIhvcNAQEKA0sAMEgCQQCqkOCrIFFlN2qQFpN+/YT6F0N0cUNtOP8dFWBQGoj0Pmg3bH3Z4XWV+oxxiyoPhl2iYq1/" +
      "sFekgxf05S13Pu3NAgMBAAE="
  ),
  privateKey: pem(
    "PRIVATE KEY",
    "MIIBUwIBADALBgkqhkiG9w0BAQoEggE/MIIBOwIBAAJBAKqQ4KsgUWU3apAWk379hPoXQ3RxQ204/x0VYFAaiPQ+aDdsfdnhdZX6" +
      "jHGLKg+GXaJirX+wV6SDF/TlLXc+7c0CAwEAAQJAFLLKINomJoNIEj47HfED/xltnSbViN6ezte2PWJK9mCdq58bPcMU2X2TKDCb" +
      "raKPjstBwp9eJVdr1nIaUdW6vQIhANFv705h6nwRuwUp7xsZEAthrlxi0cOvvETWPh+PHDP7AiEA0HyXlbzWzE3+7600vFNR8P9+" +
      "xL1ss0kYCDQwYXCE8tcCIQDCT9vzGR14puqhS9qvhX1BUgt3Y6fCqtU9+JgCp8A+6QIgUihnC+jotIYf6o9U8snaxp/Icvs6tMQf" +
      "Jkx6rEtM+O0CIQCF3HBKhm1m2rgRM+v5MNhVBh3KqVzxq+M8YU1RP4fsrQ=="
  )
}

const ed25519: Pair = {
  publicKey: pem("PUBLIC KEY", "MCowBQYDK2VwAyEA42t7hnsXPimieMhYQd+jOCf5vyd2qCQnpA48Sd6r8AU="),
  privateKey: pem("PRIVATE KEY", "MC4CAQAwBQYDK2VwBCIEIJyVg4JGct6J/9aqEFR3TOWQFtN3VpubHgGk6TB5YK5H")
}

const x25519: Pair = {
  publicKey: pem("PUBLIC KEY", "MCowBQYDK2VuAyEA8MUaOTCMta4nh1mpVbIegIx1lylQ68Ljy8T2RvL0MlA="),
  privateKey: pem("PRIVATE KEY", "MC4CAQAwBQYDK2VuBCIEIICNgypkwZKaEM02Vo1sBRX6rBIHCjgUrawi0GsRPWd4")
}

const small: Pair = {
  publicKey: pem(
    "PUBLIC KEY",
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDBJHg59kf/1XUxwVIBy40onrlj4VkxOZftzdGO0066K4F8rlUGTksOYtya2/QD" +
      "COm4PBbEKid3kVC6cX8VxxNYD97cwoBicR17NU5rMlPnFMWQtnhdrUcFvkcVcy62LfOy8Ph5puI0tdnR6EYCp/nMnTeqlnJDPeBJ" +
      "kIrIpxlFswIDAQAB"
  ),
  privateKey: pem(
    "PRIVATE KEY",
    "MIICdwIBADANBgkqhkiG9w0BAQEFAASCAmEwggJdAgEAAoGBAMEkeDn2R//VdTHBUgHLjSieuWPhWTE5l+3N0Y7TTrorgXyuVQZO" +
      "Sw5i3Jrb9AMI6bg8FsQqJ3eRULpxfxXHE1gP3tzCgGJxHXs1TmsyU+cUxZC2eF2tRwW+RxVzLrYt87Lw+Hmm4jS12dHoRgKn+cyd" +
      "N6qWckM94EmQisinGUWzAgMBAAECgYAhy0rKAYCpj+TYltXNgJsrT1Jq2oQrq8McldWj4u80feZDNZGk79AMLVoiMngoi8exN7pY" +
      "CnQrZJ62cKNm4RVOFmZwrsMz0oZTW6/DBIN+jc4FliOGgtE1H91PWS2Kpayl9HUIsQsfzN0uBWdOCGWgKgYlBv0vCS5JGvOS8mJ9" +
      "MQJBAOV+mSZojJF5UhoLKJiyL5NkHnvEbGTXCQ4hckh3jioPt7w5naiz8y0pobcpMuIvoQjis8kpXSmSvb9FUfLSZ2kCQQDXcw9R" +
      "+hXoWDxwipKVjqCjUvLW893aRStNCXVjzYHpsmIwR+LvKP2k4pQEE2zm8yspvurECZtk7vL0D40ejly7AkEA2k2L13paRMN4Mufs" +
      "bRwKn5T8XlVhmqbmqTdto7t+U0pyR60y6NiMeKiCeV3KVlhiQbaMuM0NHs/EiV6ibm5xCQJBAMsf86W6PsVbyz/fpevTGKhjIAiA" +
      "yv1qkTSEYmTB8GXAhMo4PEB3SQwXgq2FEvt674rgML66wAMdNXnc35ObbNkCQAnJpIx65x5oj8db+aL4q6zsCM9VO+rgTTSEy0TR" +
      "N+ILo3BpOcjkM1VEyRCwb4xkeJpnClp2sBQ9x+XisLp8Lgo="
  )
}

/** The text of a key with more in its base64 than its structure. */
const lengthened = (pem: string) =>
  pem.replace(/-----\n(.*)\n-----/s, (_, base64: string) => `-----\n${btoa(`${atob(base64)}\0`)}\n-----`)

/** The text of a key with line ends as source code writes them. */
const escaped = (pem: string, lineEnd: string) => pem.replaceAll("\n", lineEnd)

const escapedLineEnds = "has a backslash and an n where lines must end: put line ends in their place"

/** The text of a key under another label, which is as far as it is read. */
const relabelled = (pem: string, label: string) =>
  pem.replaceAll(/(BEGIN|END) [A-Z ]+/g, (_, word: string) => `${word} ${label}`)

interface WrongKey {
  readonly name: string
  readonly pem: string
  readonly description: string
}

const wrongKeys = (
  { label, other, structure }: { readonly label: string; readonly other: string; readonly structure: string },
  right: string,
  otherKey: string,
  of: (pair: Pair) => string
): ReadonlyArray<WrongKey> => {
  const expected = `expected "${label}" (${structure}, not encrypted)`
  const noKey = `is no PEM text of one key, ${expected}`
  const labelled = (found: string) => `is a PEM "${found}", ${expected}`
  return [
    { name: "no PEM", pem: "hello", description: noKey },
    { name: "nothing", pem: "", description: noKey },
    { name: "two keys", pem: right + right, description: noKey },
    { name: "the other half of a pair", pem: otherKey, description: labelled(other) },
    { name: "a broken structure of the other half", pem: pem(other, "AAAA"), description: labelled(other) },
    { name: "PKCS #1", pem: relabelled(right, `RSA ${label}`), description: labelled(`RSA ${label}`) },
    {
      name: "an encrypted key",
      pem: relabelled(right, `ENCRYPTED ${label}`),
      description: labelled(`ENCRYPTED ${label}`)
    },
    { name: "a text with \\n for line ends", pem: escaped(right, "\\n"), description: escapedLineEnds },
    { name: "a text with \\r\\n for line ends", pem: escaped(right, "\\r\\n"), description: escapedLineEnds },
    { name: "a quoted text with \\n for line ends", pem: JSON.stringify(right), description: escapedLineEnds },
    {
      name: "a text that is still bytes",
      // As a Buffer, which is text wherever one is asked for.
      pem: Object.assign(new TextEncoder().encode(right), { toString: () => right }) as unknown as string,
      description: "is no string: decode the bytes of a PEM text first"
    },
    { name: "no base64", pem: pem(label, "MAA"), description: `is no valid ${structure}` },
    { name: "a structure and more", pem: pem(label, "MAAA"), description: `is no valid ${structure}` },
    { name: "a key and more", pem: lengthened(right), description: `is no valid ${structure}` },
    { name: "a broken structure", pem: pem(label, "AAAA"), description: `is no valid ${structure}` },
    { name: "a key for P-256", pem: of(ec), description: "is a key for ec, expected rsa" },
    { name: "RSA-PSS", pem: of(rsaPss), description: "is a key for rsa-pss, expected rsa" },
    { name: "Ed25519", pem: of(ed25519), description: "is a key for ed25519, expected rsa" },
    { name: "X25519", pem: of(x25519), description: "is a key for x25519, expected rsa" },
    {
      name: "a small modulus",
      pem: of(small),
      description: "has a modulus of 1024 bits, at least 2048 are needed"
    }
  ]
}

const spki = { label: "PUBLIC KEY", other: "PRIVATE KEY", structure: "SubjectPublicKeyInfo" }
const pkcs8 = { label: "PRIVATE KEY", other: "PUBLIC KEY", structure: "PKCS #8 PrivateKeyInfo" }

export const wrongPublicKeys = wrongKeys(spki, rsaPublicKey, rsaPrivateKey, ({ publicKey }) => publicKey)

export const wrongPrivateKeys = wrongKeys(pkcs8, rsaPrivateKey, rsaPublicKey, ({ privateKey }) => privateKey)
