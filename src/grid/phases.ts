/** A set of phases as three bits: A = 1, B = 2, C = 4. */
export type Phases = number

export const NO_PHASES: Phases = 0
export const ALL_PHASES: Phases = 7
/** The three phases by their position in per-phase arrays. */
export const PHASE_INDICES = [0, 1, 2] as const

/** `"AC"` → 5. Undefined where the text is not a set of the letters A, B, C (any case, each once, at least one). */
export function parsePhases(text: string): Phases | undefined {
  let phases = NO_PHASES
  for (const letter of text.toUpperCase()) {
    const index = 'ABC'.indexOf(letter)
    if (index < 0 || (phases & (1 << index)) !== 0) return undefined
    phases |= 1 << index
  }
  return phases === NO_PHASES ? undefined : phases
}

/** 5 → `"AC"`; no phases → `""`. */
export function formatPhases(phases: Phases): string {
  return (phases & 1 ? 'A' : '') + (phases & 2 ? 'B' : '') + (phases & 4 ? 'C' : '')
}
