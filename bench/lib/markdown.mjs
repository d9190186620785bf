/** Tables as Markdown. */
import { number } from "./format.mjs"
import { reaches, TARGETS, worstOf } from "./targets.mjs"

const RATIO_COLUMNS = ["", "against", "ours", "theirs", "ratio", "quartiles", "least and most"]

export function tableText({ title, note, sections }) {
  const texts = sections.flatMap((section) => [
    `### ${section.title}`,
    section.note,
    sectionText(section),
  ])
  return [`## ${title}`, note, ...texts].filter((text) => text !== undefined).join("\n\n")
}

/** Tables without targets have no columns for them. */
function sectionText({ columns, rows }) {
  const [heads, cellsOf] =
    columns === undefined
      ? [RATIO_COLUMNS, ratioCells]
      : [["", ...columns], (row) => [row.what, ...row.cells]]
  if (rows.every(({ judged }) => judged.length === 0)) return grid(heads, rows.map(cellsOf))
  return grid(
    [...heads, "target", ""],
    rows.map((row) => [...cellsOf(row), ...verdict(row)]),
  )
}

function ratioCells({ what, rival, because, unit, ours, theirs, ratio }) {
  if (because !== undefined) return [what, rival, `left out: ${because}`, "", "", "", ""]
  const [low, high, min, max] = [ratio.low, ratio.high, ratio.min, ratio.max].map(number)
  return [
    ...[what, rival, `${number(ours)} ${unit}`, `${number(theirs)} ${unit}`, number(ratio.median)],
    ...[`${low} to ${high}`, `${min} to ${max}`],
  ]
}

function verdict({ judged }) {
  const outcomes = judged.map(({ target, figure }) =>
    reaches(figure, target) ? "reached" : "**missed**",
  )
  return [judged.map(({ target }) => boundOf(target)).join(", "), outcomes.join(", ")]
}

function boundOf(target) {
  const { kind, bound } = TARGETS[target]
  return `${kind} ${bound}`
}

/** Each target with the row that is farthest from it. */
export function summaryText(tables) {
  const judged = tables.flatMap(({ sections }) =>
    sections.flatMap(({ title, rows }) =>
      rows.flatMap((row) => row.judged.map((each) => ({ ...each, where: whereIs(row, title) }))),
    ),
  )
  const lines = Object.entries(TARGETS).map(([name, { what }]) => {
    const figures = judged.filter(({ target }) => target === name)
    return [
      what,
      boundOf(name),
      ...(figures.length > 0 ? worst(figures, name) : ["", "not measured", ""]),
    ]
  })
  return `## Targets\n\n${grid(["", "target", "worst", "", "where it is worst"], lines)}`
}

function whereIs({ what, rival }, section) {
  return [section, what, rival].filter(Boolean).join(", ")
}

function worst(figures, name) {
  const missed = figures.filter(({ figure }) => !reaches(figure, name)).length
  const { figure, where } = worstOf(figures, name)
  return [
    number(figure),
    missed === 0 ? "reached" : `**missed** in ${missed} of ${figures.length}`,
    where,
  ]
}

export function grid(columns, rows) {
  const line = (cells) => `| ${cells.map(String).join(" | ")} |`
  return [line(columns), line(columns.map(() => "---")), ...rows.map(line)].join("\n")
}
