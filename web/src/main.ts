// Starts the page.

import { mount } from 'svelte'
import App from './App.svelte'
import './tokens.css'
import './base.css'
import { settings } from './state/settings.svelte'

const target = document.getElementById('app')
if (!target) throw new Error('the page has no #app')
await settings.begin()
mount(App, { target })
