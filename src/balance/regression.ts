/** A linear model; its features are scaled inside, the first is taken to be the constant 1. */
export type RidgeFit = { readonly coefficients: Float64Array }

/** Least squares with a small penalty on all but the constant. Null where there are fewer rows than twice the features. */
export function fitRidge(
  rows: readonly (readonly number[])[],
  targets: readonly number[],
  { weights, ridge }: { weights: readonly number[]; ridge: number },
): RidgeFit | null {
  const width = rows[0]?.length ?? 0
  if (rows.length < 2 * width || width === 0) return null
  const normal = Array.from({ length: width }, () => new Float64Array(width + 1))
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as readonly number[]
    const weight = weights[i] as number
    for (let a = 0; a < width; a++) {
      const left = weight * (row[a] as number)
      if (left === 0) continue
      const into = normal[a] as Float64Array
      for (let b = a; b < width; b++) into[b]! += left * (row[b] as number)
      into[width]! += left * (targets[i] as number)
    }
  }
  for (let a = 0; a < width; a++) {
    for (let b = 0; b < a; b++) normal[a]![b] = normal[b]![a] as number
    // Relative to the feature's own size, so that the penalty does not depend on units.
    normal[a]![a]! += (a === 0 ? 1e-12 : ridge) * (normal[a]![a] as number) + 1e-12
  }
  return { coefficients: solve(normal) }
}

export function predictRidge(fit: RidgeFit, row: readonly number[]): number {
  let sum = 0
  for (let i = 0; i < row.length; i++) sum += (fit.coefficients[i] as number) * (row[i] as number)
  return sum
}

/** Gaussian elimination with pivots on `[matrix | right side]`, in place. */
function solve(matrix: Float64Array[]): Float64Array {
  const width = matrix.length
  for (let column = 0; column < width; column++) {
    let pivot = column
    for (let row = column + 1; row < width; row++) {
      if (Math.abs(matrix[row]![column] as number) > Math.abs(matrix[pivot]![column] as number)) {
        pivot = row
      }
    }
    ;[matrix[column], matrix[pivot]] = [matrix[pivot]!, matrix[column]!]
    const top = matrix[column] as Float64Array
    for (let row = column + 1; row < width; row++) {
      const line = matrix[row] as Float64Array
      const share = (line[column] as number) / (top[column] as number)
      if (share === 0) continue
      for (let i = column; i <= width; i++) line[i]! -= share * (top[i] as number)
    }
  }
  const solution = new Float64Array(width)
  for (let row = width - 1; row >= 0; row--) {
    const line = matrix[row] as Float64Array
    let sum = line[width] as number
    for (let i = row + 1; i < width; i++) sum -= (line[i] as number) * (solution[i] as number)
    solution[row] = sum / (line[row] as number)
  }
  return solution
}
