import { choose, language, utilityName } from './language.ts'
import { theme, turnTheme } from './theme.ts'

const THEME_WORDS = {
  en: { light: 'Light', dark: 'Dark' },
  'zh-CN': { light: '浅色', dark: '深色' },
}

/** Name, language and theme: the same on every page for customers and the public. */
export const Header = ({ current }: { current: '/' | '/my' }) => (
  <header class="site">
    <a class="brand" href="/" aria-current={current === '/' ? 'page' : undefined}>
      <b>{utilityName}</b>
    </a>
    <nav aria-label={language.value === 'en' ? 'Language' : '语言'}>
      <button type="button" onClick={turnTheme}>
        {THEME_WORDS[language.value][theme.value === 'dark' ? 'light' : 'dark']}
      </button>
      <button
        type="button"
        lang="en"
        aria-pressed={language.value === 'en'}
        onClick={() => choose('en')}
      >
        EN
      </button>
      <button
        type="button"
        lang="zh-CN"
        aria-pressed={language.value === 'zh-CN'}
        onClick={() => choose('zh-CN')}
      >
        中文
      </button>
    </nav>
  </header>
)
