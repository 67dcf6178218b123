import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'

// `cargo xtask ui ADDRESS` names a control that runs; alone, `npm run dev` asks the mock server on its usual port.
const control = process.env['STOREWARDEN_CONTROL'] ?? 'http://127.0.0.1:4180'
// The control answers to its own name only.
const there = { target: control, changeOrigin: true, headers: { origin: control } }

/** What a person goes to next: its parts are shared by nothing on the first page. */
const SOON = 'pages/(?:Shop|SignIn)|components/(?:Find|Help|DrainConfirm|EdgeFacts|HealthSign|Table|Waiting)[.]'

export default defineConfig({
  plugins: [svelte()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    // Browsers that know `light-dark()`: nothing is translated down.
    target: ['chrome123', 'firefox120', 'safari17.5'],
    // One style sheet; and few scripts: what the first page needs, its words, what is wanted next, what draws, and all
    // further pages together.
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            // The first to match takes a module with all that it imports: what is shared must be taken before.
            { name: 'core', priority: 3, test: new RegExp(`/node_modules/(?!uplot)|/src/(?!messages/|further/|charts/plot|main|${SOON})|/src/messages/index`) },
            { name: 'soon', priority: 2, test: new RegExp(`/src/(?:${SOON})`) },
            { name: 'plot', priority: 2, test: /\/uplot\/|\/src\/charts\/plot/ },
            { name: 'further', priority: 1, test: /\/src\/(further\/|messages\/readable)/ },
          ],
        },
      },
    },
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
  server: { host: '127.0.0.1', proxy: { '/api': there, '/sign-in': there, '/mock': there } },
})
