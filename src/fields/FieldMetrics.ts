/** The metrics of encrypted fields, in Effect's `Metric`. Names and attributes are stable. */
import { familiesOf } from "../internal/metrics.ts"

const families = /*#__PURE__*/ familiesOf("effect_encryption_sdk_field_")

/** Values that were read as plaintext by a field that accepts it while a column is migrated, by `field`. */
export const plaintexts = /*#__PURE__*/ families.counter("plaintexts", "Values that were read as plaintext")
