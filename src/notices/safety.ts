import type { NoticeKind } from './notice.ts'
import type { Sentence } from './words.ts'

/** Whom to call, as the utility set it; null: nobody is named. */
export type Phones = { readonly utility: string | null; readonly emergency: string | null }
export const NO_PHONES: Phones = { utility: null, emergency: null }

/** What a letter about a supply that is off, or back, says at its end. */
export function safetyOf(kind: NoticeKind, phones: Phones): Sentence[] {
  if (kind === 'supplyLost') return [...wires(phones), ...ourNumber(phones)]
  return kind === 'supplyRestored' ? ourNumber(phones) : []
}

/** Fallen wires, and our number; in general words where no number is set. */
export const safetyForAll = (phones: Phones): Sentence[] => [
  ...(phones.emergency === null ? [{ say: 'safety.wiresNoNumber' } as const] : wires(phones)),
  ...ourNumber(phones),
]

/** To somebody who sees a wire or a fire now. */
export const callNow = ({ utility, emergency }: Phones): Sentence[] => [
  ...(emergency === null ? [] : [{ say: 'safety.callNow', with: { emergency } } as const]),
  ...ourNumber({ utility, emergency }),
]

const wires = ({ emergency }: Phones): Sentence[] =>
  emergency === null ? [] : [{ say: 'safety.wires', with: { emergency } }]

const ourNumber = ({ utility }: Phones): Sentence[] =>
  utility === null ? [] : [{ say: 'safety.ours', with: { phone: utility } }]
