import { signal } from '@preact/signals'

const KEYS_KEY = 'relight.keys'

/**
 * Whether letters and digits alone do something. Who talks to a computer, or rests a hand on the keys, turns them off (WCAG 2.1.4); all that
 * they do is on a button too.
 */
export const singleKeysOn = signal(localStorage.getItem(KEYS_KEY) !== 'off')
singleKeysOn.subscribe((on) => {
  document.documentElement.dataset['keys'] = on ? 'on' : 'off'
})

export function turnSingleKeys(): void {
  singleKeysOn.value = !singleKeysOn.value
  localStorage.setItem(KEYS_KEY, singleKeysOn.value ? 'on' : 'off')
}
