// The live line of all runs. EventSource comes back by itself after a cut; what was missed meanwhile is read anew.

import { untrack } from 'svelte'
import { api } from '../api/client'
import type { Run, RunLine, RunProgress } from '../api/frame'
import type { Line } from './feed.svelte'

const RETRY_MS = 2500

export interface Listener {
  run(run: Run): void
  progress?(progress: RunProgress): void
  line?(line: RunLine): void
  /** Something was missed: what is shown must be read again. */
  back(): void
}

class Changes {
  line = $state<Line | 'off'>('off')

  #listeners = new Set<Listener>()
  #source: EventSource | null = null
  #retry: ReturnType<typeof setTimeout> | undefined

  /** Listens until the answer is called. The line is open while somebody listens. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener)
    if (!this.#source) untrack(() => this.#open())
    return () => {
      this.#listeners.delete(listener)
      if (this.#listeners.size === 0) this.#close()
    }
  }

  #open() {
    clearTimeout(this.#retry)
    const source = api.runEvents()
    this.#source = source
    if (this.line === 'off') this.line = 'connecting'
    const on = <T,>(name: string, tell: (listener: Listener, value: T) => void) =>
      source.addEventListener(name, (event) => {
        const value = JSON.parse((event as MessageEvent<string>).data) as T
        for (const listener of this.#listeners) tell(listener, value)
      })
    on<Run>('run', (listener, run) => listener.run(run))
    on<RunProgress>('progress', (listener, progress) => listener.progress?.(progress))
    on<RunLine>('line', (listener, line) => listener.line?.(line))
    const back = () => {
      for (const listener of this.#listeners) listener.back()
    }
    source.addEventListener('reset', back)
    source.addEventListener('open', () => {
      this.line = 'live'
      // What was read before the line stood may have changed until then: the first time too.
      back()
    })
    source.addEventListener('error', () => {
      this.line = 'cut'
      if (source.readyState === EventSource.CLOSED && this.#source === source) this.#retry = setTimeout(() => this.#open(), RETRY_MS)
    })
  }

  #close() {
    clearTimeout(this.#retry)
    this.#source?.close()
    this.#source = null
    this.line = 'off'
  }
}

export const changes = new Changes()
