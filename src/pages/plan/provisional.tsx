import { w } from './words.ts'

/** Marks a row whose figures will still move: somebody in it is out, or an interruption is too young to be called short or long. */
export const Provisional = () => (
  <span class="prov" title={w.value.provisional}>
    {w.value.provisionalRow}
  </span>
)
