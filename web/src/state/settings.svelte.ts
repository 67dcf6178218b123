// What a person chose for this browser: language and appearance. Kept in the browser, nowhere else.

import { isLanguage, LANGUAGES, type Language } from '../messages'

export type Theme = 'system' | 'light' | 'dark'

function recall(key: string): string | null {
  try {
    return localStorage.getItem(`storewarden.${key}`)
  } catch {
    return null // storage forbidden: the choice lasts as long as the page
  }
}

function remember(key: string, value: string) {
  try {
    localStorage.setItem(`storewarden.${key}`, value)
  } catch {
    // As above.
  }
}

class Settings {
  #language = $state<Language>('en')
  #theme = $state<Theme>('system')
  #systemDark = $state(false)

  constructor() {
    const language = recall('language') ?? navigator.language.slice(0, 2)
    this.language = isLanguage(language) ? language : 'en'
    const theme = recall('theme')
    if (theme === 'light' || theme === 'dark') this.theme = theme
    const dark = matchMedia('(prefers-color-scheme: dark)')
    this.#systemDark = dark.matches
    dark.addEventListener('change', () => (this.#systemDark = dark.matches))
  }

  get language() {
    return this.#language
  }
  set language(language: Language) {
    this.#language = language
    document.documentElement.lang = language
  }
  chooseLanguage(language: Language) {
    this.language = language
    remember('language', language)
  }

  get theme() {
    return this.#theme
  }
  set theme(theme: Theme) {
    this.#theme = theme
    if (theme === 'system') delete document.documentElement.dataset['theme']
    else document.documentElement.dataset['theme'] = theme
  }
  chooseTheme(theme: Theme) {
    this.theme = theme
    remember('theme', theme)
  }

  /** What is seen, whoever chose it: charts repaint when it changes. */
  get dark() {
    return this.#theme === 'dark' || (this.#theme === 'system' && this.#systemDark)
  }
  get m() {
    return LANGUAGES[this.#language]
  }
}

export const settings = new Settings()
