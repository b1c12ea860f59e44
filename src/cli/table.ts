type Cell = string | number | null

/** Columns in line: words to the left, numbers to the right; unknown is said, not a zero. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const texts = [head, ...rows.map((row) => row.map(format))]
  const widths = head.map((_, column) =>
    Math.max(...texts.map((row) => (row[column] ?? '').length)),
  )
  return texts
    .map((row) =>
      row
        .map((cell, column) =>
          typeof rows[0]?.[column] === 'string'
            ? cell.padEnd(widths[column] ?? 0)
            : cell.padStart(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function format(cell: Cell): string {
  if (cell === null) return 'none'
  if (typeof cell === 'string') return cell
  return Number.isInteger(cell) ? String(cell) : String(Number(cell.toPrecision(7)))
}
