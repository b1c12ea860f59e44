import type { ComponentChildren, JSX, SVGAttributes } from 'preact'

/** A state of supply as people are shown it; each has a word, a shape and a colour (tokens.css). */
export type State = 'out' | 'part' | 'pred' | 'plan' | 'back' | 'on'
export type MarkName = State | 'ovl' | 'stale' | 'p1' | 'p2' | 'p3' | 'ok' | 'no'

const QUESTION = 'M5.2 5.6a1.9 1.9 0 1 1 2.7 1.7c-.6.3-.9.6-.9 1.2M7 10.3v.9'
const line = (width: number, more: SVGAttributes<SVGPathElement>) => (
  <path fill="none" stroke="currentColor" stroke-width={width} {...more} />
)
const ring = (radius: number, dash?: string) => (
  <circle
    cx="7"
    cy="7"
    r={radius}
    fill="none"
    stroke="currentColor"
    stroke-width="1.5"
    stroke-dasharray={dash}
  />
)
const digit = (text: string, y: number, fill: string) => (
  <text x="7" y={y} text-anchor="middle" font-size="9" font-weight="700" fill={fill}>
    {text}
  </text>
)

// Made anew for each mark: an element that is drawn in two places keeps the trees of all its places alive.
const SHAPES: Record<MarkName, () => JSX.Element> = {
  out: () => <circle cx="7" cy="7" r="6.5" fill="currentColor" />,
  part: () => (
    <>
      {ring(5.75)}
      <path d="M7 1.25a5.75 5.75 0 0 1 0 11.5z" fill="currentColor" />
    </>
  ),
  pred: () => (
    <>
      {ring(5.9, '2.6 1.5')}
      {line(1.3, { d: QUESTION })}
    </>
  ),
  plan: () => (
    <>
      {line(1.5, { d: 'M7 .8 13.2 7 7 13.2.8 7z' })}
      {line(1.3, { d: 'M7 4v3.2h2.6' })}
    </>
  ),
  back: () => (
    <>
      {ring(5.9)}
      {line(1.7, { d: 'm4 7.2 2.2 2.2L10.2 5' })}
    </>
  ),
  on: () => (
    <>
      {ring(5.9)}
      <circle cx="7" cy="7" r="2.6" fill="currentColor" />
    </>
  ),
  ovl: () => line(1.6, { d: 'M1 1.2h12M7 4l5.4 9H1.6z' }),
  stale: () => (
    <>
      {line(1.3, { d: 'M1 1h12v12H1z', 'stroke-dasharray': '2 1.6' })}
      {line(1.3, { d: QUESTION })}
    </>
  ),
  p1: () => (
    <>
      <path d="M7 .2 14 13.4H0z" fill="currentColor" />
      {digit('1', 12.2, 'var(--panel)')}
    </>
  ),
  p2: () => (
    <>
      {line(1.4, { d: 'M7 .2 13.8 7 7 13.8.2 7z' })}
      {digit('2', 10, 'currentColor')}
    </>
  ),
  p3: () => (
    <>
      {line(1.2, { d: 'M.8 1h12.4v7.6L7 13.4.8 8.6z' })}
      {digit('3', 9.4, 'currentColor')}
    </>
  ),
  ok: () => line(1.8, { d: 'm2 7.6 3.4 3.2L12 3.4' }),
  no: () => line(1.8, { d: 'm2.5 2.5 9 9m0-9-9 9' }),
}

export const Mark = ({ of }: { of: MarkName }) => (
  <svg class="mk" viewBox="0 0 14 14" aria-hidden="true">
    {SHAPES[of]()}
  </svg>
)

/** The mark with its word, in the colour of the state. */
export const StateWord = ({ of, children }: { of: MarkName; children: ComponentChildren }) => (
  <span class={`st c-${of}`}>
    <Mark of={of} />
    {children}
  </span>
)

/** Load against a limit, in percent: the scale ends at 120, with ticks at 80 and 100. */
export const LoadBar = ({ percent }: { percent: number }) => (
  <svg class="bar" viewBox="0 0 120 12" preserveAspectRatio="none" aria-hidden="true">
    <rect
      class={percent > 100 ? 'over' : 'fill'}
      x="0"
      y="2"
      width={Math.max(0, Math.min(120, percent))}
      height="8"
    />
    <path class="tick" d="M80 0v12" stroke-dasharray="2 2" vector-effect="non-scaling-stroke" />
    <path class="tick" d="M100 0v12" stroke-width="2" vector-effect="non-scaling-stroke" />
  </svg>
)
