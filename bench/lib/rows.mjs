/**
 * The rows that tables consist of. `judged` are figures of a row, each beside the target that it is
 * judged by.
 */
import { median, spreadOf } from "./statistics.mjs"

/** Ours against a rival: medians of the rounds, and the ratio round by round. */
export function against({ what, rival, unit, ours, theirs, target }) {
  const ratio = spreadOf(ours.map((each, round) => each / theirs[round]))
  return {
    what,
    rival,
    unit,
    ours: median(ours),
    theirs: median(theirs),
    ratio,
    judged: target === undefined ? [] : [{ target, figure: ratio.median }],
    rounds: { ours, theirs },
  }
}

/** A comparison that cannot be made, and why. */
export function leftOut({ what, rival, because }) {
  return { what, rival, because, judged: [] }
}

/** What is no ratio: the texts of some columns. */
export function plain({ what, cells, judged = [] }) {
  return { what, cells, judged }
}

/** Rows of `against`. */
export function ratios(title, rows, note) {
  return { title, note, rows }
}

/** Rows of `plain`, under columns of their own. */
export function figures(title, columns, rows, note) {
  return { title, note, columns, rows }
}
