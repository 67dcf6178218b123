// What a person chose for this browser: language and appearance. Kept in the browser, nowhere else.

import { isLanguage, LANGUAGES, type FrameMessages, type Language, type Messages } from '../messages'

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
  #words = $state.raw<Messages>()
  #frame = $state.raw<FrameMessages>()

  constructor() {
    const theme = recall('theme')
    if (theme === 'light' || theme === 'dark') this.theme = theme
    const dark = matchMedia('(prefers-color-scheme: dark)')
    this.#systemDark = dark.matches
    dark.addEventListener('change', () => (this.#systemDark = dark.matches))
  }

  get language() {
    return this.#language
  }
  async chooseLanguage(language: Language) {
    remember('language', language)
    await this.#speak(language)
  }

  /** The words that the first page needs: awaited before anything is shown. */
  async begin() {
    const language = recall('language') ?? navigator.language.slice(0, 2)
    await this.#speak(isLanguage(language) ? language : 'en')
  }

  /** The words of the further pages: awaited with the page. */
  async beginFrame() {
    this.#frame ??= await LANGUAGES[this.#language].frame()
  }

  async #speak(language: Language) {
    const source = LANGUAGES[language]
    const [words, frame] = await Promise.all([source.words(), this.#frame ? source.frame() : undefined])
    this.#words = words
    this.#frame = frame
    this.#language = language
    document.documentElement.lang = language
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
  get m(): Messages {
    if (!this.#words) throw new Error('words are asked for before they are here')
    return this.#words
  }
  get frame(): FrameMessages {
    if (!this.#frame) throw new Error('words of a further page are asked for before the page')
    return this.#frame
  }
}

export const settings = new Settings()
