/** Load of a class over its mean of the year, by local hour. */
export type ClassCurve = {
  readonly workday: readonly number[]
  readonly weekend: readonly number[]
}

/**
 * Means over the hourly year of the three customer classes of EPRI test circuit 5 (electricdss-tst, Distrib/EPRITestCircuits/ckt5,
 * BSD 3-clause), each over its yearly mean, to two digits. A utility puts its own in their place.
 */
export const CLASS_CURVES = {
  residential: {
    workday: [
      0.88, 0.78, 0.73, 0.7, 0.69, 0.71, 0.8, 0.85, 0.86, 0.88, 0.92, 0.97, 1.03, 1.08, 1.12, 1.16,
      1.2, 1.27, 1.33, 1.33, 1.31, 1.28, 1.18, 1.03,
    ],
    weekend: [
      0.87, 0.77, 0.72, 0.7, 0.69, 0.73, 0.86, 0.92, 0.86, 0.84, 0.85, 0.9, 0.95, 0.99, 1.03, 1.09,
      1.16, 1.25, 1.34, 1.36, 1.35, 1.31, 1.19, 1.02,
    ],
  },
  commercial: {
    workday: [
      0.73, 0.71, 0.7, 0.7, 0.71, 0.79, 0.85, 1, 1.14, 1.25, 1.3, 1.33, 1.35, 1.37, 1.36, 1.3, 1.2,
      1.07, 1.04, 0.99, 0.91, 0.84, 0.79, 0.76,
    ],
    weekend: [
      0.75, 0.73, 0.71, 0.71, 0.7, 0.74, 0.79, 0.94, 1.09, 1.22, 1.25, 1.28, 1.29, 1.31, 1.32, 1.26,
      1.17, 1.03, 1, 0.94, 0.88, 0.83, 0.79, 0.77,
    ],
  },
  industrial: {
    workday: [
      0.81, 0.84, 0.84, 0.86, 0.88, 0.91, 0.96, 1.03, 1.13, 1.21, 1.25, 1.25, 1.25, 1.25, 1.25,
      1.24, 1.21, 1.16, 1.1, 1.04, 0.98, 0.92, 0.86, 0.82,
    ],
    weekend: [
      0.8, 0.79, 0.79, 0.8, 0.83, 0.86, 0.87, 0.89, 0.92, 0.94, 0.96, 0.97, 0.97, 0.97, 0.97, 0.96,
      0.94, 0.93, 0.91, 0.89, 0.87, 0.85, 0.83, 0.81,
    ],
  },
} as const satisfies Record<string, ClassCurve>

export type LoadClass = keyof typeof CLASS_CURVES | 'flat'
export const LOAD_CLASSES: readonly LoadClass[] = [
  'residential',
  'commercial',
  'industrial',
  'flat',
]

/** Words that utilities use for their classes; what is none of them counts as flat. */
export function loadClass(word: string | null): LoadClass {
  const said = (word ?? '').toLowerCase()
  if (/resid|house|domestic|居民/.test(said)) return 'residential'
  if (/commer|office|shop|business|商业/.test(said)) return 'commercial'
  if (/indus|factory|工业/.test(said)) return 'industrial'
  return 'flat'
}

/** Load of the class over its yearly mean; `hourOfWeek` in the utility's local time, 0 is Monday from 00:00 to 01:00. */
export function classFactor(kind: LoadClass, hourOfWeek: number): number {
  if (kind === 'flat') return 1
  const curve: ClassCurve = CLASS_CURVES[kind]
  const hours = hourOfWeek >= 120 ? curve.weekend : curve.workday
  return hours[hourOfWeek % 24] ?? 1
}
