import { count, language } from '../language.ts'

/** What nobody knows; not the same as 0, and not the same as a cell that was forgotten. */
export const UNKNOWN = '—'

/** A figure with as many digits as it bears: 86.1, 0.771, 99.983. */
export function figure(value: number | null, digits = 3, unit = 'min'): string {
  if (value === null) return UNKNOWN
  const locale = language.value === 'en' ? 'en-GB' : 'zh-CN'
  const size = Math.abs(value)
  // A share near one, or near a hundred, is told apart by its last digits.
  const near = (unit === '1' && size > 0.9 && size < 1) || (unit === '%' && size > 99 && size < 100)
  const decimals = near ? 5 : size >= 1000 ? 0 : size >= 10 ? 1 : digits
  return new Intl.NumberFormat(locale, { maximumFractionDigits: decimals }).format(value)
}

/** A whole number; what is not known is a dash, which is not 0. */
export const whole = (value: number | null): string =>
  value === null ? UNKNOWN : count(Math.round(value))

export const percent = (part: number, whole: number): string =>
  whole === 0 ? UNKNOWN : ((part / whole) * 100).toFixed(1)

/** Round steps for an axis from 0 to `most`: at most five of them. */
export function steps(most: number): number[] {
  if (most <= 0) return [0]
  const rough = most / 4
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((times) => times * power).find((each) => each >= rough) ?? rough
  const count = Math.ceil(most / step)
  return Array.from({ length: count + 1 }, (_, index) => index * step)
}
