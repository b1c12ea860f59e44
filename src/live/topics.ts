import type { Identity } from '../stores/identity.ts'

export const TOPIC_KINDS = ['outages', 'load', 'public', 'feeder', 'servicePoint'] as const
export type Topic =
  | { readonly kind: 'outages' }
  | { readonly kind: 'load' }
  | { readonly kind: 'public' }
  | { readonly kind: 'feeder'; readonly id: string }
  | { readonly kind: 'servicePoint'; readonly id: string }

const ID_CHARS_MAX = 128

/** Undefined where the text names no topic of ours. */
export function parseTopic(text: string): Topic | undefined {
  if (text === 'outages' || text === 'load' || text === 'public') return { kind: text }
  const colon = text.indexOf(':')
  const kind = text.slice(0, colon)
  const id = text.slice(colon + 1)
  if (colon < 0 || id.length === 0 || id.length > ID_CHARS_MAX) return undefined
  return kind === 'feeder' || kind === 'servicePoint' ? { kind, id } : undefined
}

/** The one rule of who may hear what. A customer hears their own service points and what is public, and nothing else. */
export function mayHear(identity: Identity, topic: Topic): boolean {
  const { role } = identity
  switch (topic.kind) {
    case 'public':
      return true
    case 'outages':
    case 'load':
    case 'feeder':
      return role === 'dispatcher' || role === 'planner' || role === 'admin'
    case 'servicePoint':
      return role === 'customer'
        ? identity.servicePoints.includes(topic.id)
        : role === 'dispatcher' || role === 'admin'
  }
}
