import { wordsOf } from '../language.ts'
import { en } from './words-en.ts'
import { zh } from './words-zh.ts'

export const w = wordsOf({ en, 'zh-CN': zh })
