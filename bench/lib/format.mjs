/** Formats numbers for people. */

/** Three significant digits. */
export function number(value) {
  if (value === 0 || !Number.isFinite(value)) return String(value)
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))))
  return value.toLocaleString("en", {
    maximumFractionDigits: digits,
    minimumFractionDigits: digits,
  })
}

export function count(value) {
  return value.toLocaleString("en")
}

export function bytes(value) {
  if (value < 1_024) return `${count(value)} B`
  return value < 1_048_576 ? `${count(value / 1_024)} KB` : `${count(value / 1_048_576)} MB`
}

export function megabytes(value) {
  return `${count(Math.round(value / 1e6))} MB`
}

export function percent(share) {
  return `${(share * 100).toFixed(2)} %`
}
