import { language } from './language.ts'

/** Storm mode as the service says it, in both languages. */
export type Storm = {
  readonly area: string | null
  readonly text: { readonly en: string; readonly 'zh-CN': string }
}

/** Above everything else, for as long as it lasts. */
export function StormBanner({ storms }: { storms: readonly Storm[] | undefined }) {
  if (storms === undefined || storms.length === 0) return null
  return (
    <div class="storm" role="status">
      {storms.map(({ area, text }) => (
        <p key={area ?? ''}>{text[language.value]}</p>
      ))}
    </div>
  )
}
