import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'

// `STOREWARDEN_URL` points `npm run dev` at a running control; the browser must be signed in there first.
const control = process.env['STOREWARDEN_URL'] ?? 'http://127.0.0.1:4180'

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
  server: { host: '127.0.0.1', proxy: { '/api': control, '/sign-in': control, '/mock': control } },
})
