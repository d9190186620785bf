/**
 * The rows of tables. `judged` are figures of a row, each with its target.
 */
import { median, spreadOf } from "./statistics.mjs"

/** Ours against a rival: medians of the rounds, and the ratio of each round. */
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

/** A comparison that is left out, and why. */
export function leftOut({ what, rival, because }) {
  return { what, rival, because, judged: [] }
}

/** A row without a ratio: the texts of its columns. */
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
