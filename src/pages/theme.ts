import { signal } from '@preact/signals'

const THEME_KEY = 'relight.theme'
export type Theme = 'light' | 'dark'

function firstTheme(): Theme {
  const asked = new URLSearchParams(location.search).get('theme') ?? localStorage.getItem(THEME_KEY)
  if (asked === 'light' || asked === 'dark') return asked
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'
}

export const theme = signal<Theme>(firstTheme())
theme.subscribe((chosen) => {
  document.documentElement.dataset['theme'] = chosen
})

export function turnTheme(): void {
  theme.value = theme.value === 'dark' ? 'light' : 'dark'
  localStorage.setItem(THEME_KEY, theme.value)
}

/** What a canvas needs to draw in the colours of the style sheet: the computed value of a colour token. */
export function colourOf(token: string): string {
  const probe = document.createElement('span')
  probe.style.color = `var(${token})`
  document.body.append(probe)
  const colour = getComputedStyle(probe).color
  probe.remove()
  return colour
}
