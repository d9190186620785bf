/** Median and spread of numbers. */
export function spreadOf(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b)
  const at = (share) => sorted[Math.round(share * (sorted.length - 1))]
  return { median: at(0.5), low: at(0.25), high: at(0.75), min: at(0), max: at(1) }
}

export function median(numbers) {
  return spreadOf(numbers).median
}

export function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0)
}
