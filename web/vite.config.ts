import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'

// `cargo xtask ui ADDRESS` names a control that runs; alone, `npm run dev` asks the mock server on its usual port.
const control = process.env['STOREWARDEN_CONTROL'] ?? 'http://127.0.0.1:4180'
// The control answers to its own name only.
const there = { target: control, changeOrigin: true, headers: { origin: control } }

export default defineConfig({
  plugins: [svelte()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    // Browsers that know `light-dark()`: nothing is translated down.
    target: ['chrome123', 'firefox120', 'safari17.5'],
    // One script, one style sheet: the page is local and small, a second round trip costs more than it saves.
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
  server: { host: '127.0.0.1', proxy: { '/api': there, '/sign-in': there, '/mock': there } },
})
