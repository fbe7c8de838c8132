/** The quota that a call counts against: a Region's, and of the operation. */
import * as KeyArn from "../../KeyArn.ts"
import type { Operations } from "../../Kms.ts"
import type { KmsOperation } from "../../KmsError.ts"
import type { Settings } from "./settings.ts"

/** The methods of the ports, by the names that AWS KMS gives them. */
export const operations: Readonly<Record<keyof Operations, KmsOperation>> = {
  generateDataKey: "GenerateDataKey",
  encrypt: "Encrypt",
  decrypt: "Decrypt",
  getPublicKey: "GetPublicKey",
  deriveSharedSecret: "DeriveSharedSecret",
  generateDataKeyWithoutPlaintext: "GenerateDataKeyWithoutPlaintext",
  reEncrypt: "ReEncrypt"
}

/** The quota of a call: its name, and its rate in a Region. */
export interface Quota {
  readonly name: string
  readonly rate: number
}

const rsa = /^RSAES_/

/** The quota of an operation in a Region. */
export const quotaOf = (
  { rate, rates, regions }: Settings,
  region: string,
  operation: KmsOperation,
  algorithm: unknown
): Quota => {
  const name = typeof algorithm === "string" && rsa.test(algorithm) ? "RSA" : operation
  const own = rates.get(name)
  return own === undefined ? { name: "symmetric", rate: regions.get(region) ?? rate } : { name, rate: own }
}

/** The form of a Region's name. */
const regionName = /^[a-z]{2,8}(-[a-z]{2,16}){1,4}-\d{1,2}$/

/** The most Regions that have quotas of their own. */
const maxRegions = 64

/**
 * Regions by the ARNs of keys. A message can name any Region, and each has state and metrics: those beyond a number, and texts that
 * are no Region, are one.
 */
export class RegionNames {
  readonly #known: Set<string>

  constructor({ regions }: Settings) {
    this.#known = new Set(regions.keys())
  }

  of(keyId: unknown): string {
    const region = typeof keyId === "string" ? KeyArn.region(keyId) : undefined
    if (region === undefined) return "default"
    if (this.#known.has(region)) return region
    if (this.#known.size >= maxRegions || !regionName.test(region)) return "other"
    this.#known.add(region)
    return region
  }
}
