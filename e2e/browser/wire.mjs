// A wire between browser and Storewarden that can be cut: connections end, and new ones are refused until it is mended.

import { connect, createServer } from 'node:net'

export class Wire {
  #server
  #target
  #under_way = new Set()
  #cut = false

  static async to(origin) {
    const wire = new Wire()
    wire.#target = new URL(origin)
    wire.#server = createServer((socket) => wire.#join(socket))
    await new Promise((listening) => wire.#server.listen(0, '127.0.0.1', listening))
    return wire
  }

  get origin() {
    return `http://127.0.0.1:${this.#server.address().port}`
  }

  #join(socket) {
    if (this.#cut) return socket.destroy()
    const far = connect(Number(this.#target.port), this.#target.hostname)
    for (const [one, other] of [[socket, far], [far, socket]]) {
      this.#under_way.add(one)
      one.on('close', () => {
        this.#under_way.delete(one)
        other.destroy()
      })
      one.on('error', () => other.destroy())
      one.pipe(other)
    }
  }

  cut() {
    this.#cut = true
    for (const socket of this.#under_way) socket.destroy()
  }

  mend() {
    this.#cut = false
  }

  close() {
    this.cut()
    return new Promise((closed) => this.#server.close(closed))
  }
}
