// The dashboard begins: the client, what it remembers, the live stream and the routes are made here and
// handed down. The choice of an organization is kept by the browser.

import '@mantine/core/styles.css'
import './styles.css'
import { MantineProvider } from '@mantine/core'
import { createApiClient } from '@muster/core/api-client.ts'
import { Refusal } from '@muster/core/errors.ts'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode, useMemo, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { browserClock } from './clock.ts'
import { createLive } from './live.ts'
import { type Muster, MusterContext } from './muster.tsx'
import { createRoutes } from './routes.tsx'
import { wearTones } from './tones.ts'
import { english } from './words.ts'

const organizationKey = 'muster-organization'

const queries = new QueryClient({
  defaultOptions: {
    // The live stream says when to read again; what follows it by itself says so in its meta.
    queries: { staleTime: Number.POSITIVE_INFINITY, retry: isPassing, refetchOnWindowFocus: false },
  },
})
const router = createRoutes()

/** Only what may go well the second time is tried again. */
function isPassing(failureCount: number, error: Error): boolean {
  return failureCount < 2 && error instanceof Refusal && error.code === 'server-unreachable'
}

function Dashboard() {
  const [organization, setOrganization] = useState(
    () => localStorage.getItem(organizationKey) ?? undefined,
  )
  const muster = useMemo((): Muster => {
    const clock = browserClock()
    const fetchHere: typeof fetch = (...asked) => fetch(...asked)
    const api = createApiClient({ server: location.origin, organization, fetch: fetchHere, clock })
    const onChange = () =>
      void queries.invalidateQueries({ predicate: ({ meta }) => meta?.followsLive !== true })
    const chooseOrganization = (slug: string) => {
      localStorage.setItem(organizationKey, slug)
      queries.clear()
      setOrganization(slug)
    }
    const live = createLive({ api, clock, onChange })
    return { api, live, clock, words: english, organization, chooseOrganization }
  }, [organization])
  return (
    <MusterContext value={muster}>
      <RouterProvider router={router} />
    </MusterContext>
  )
}

const tonesSheet = new CSSStyleSheet()
wearTones(tonesSheet)
document.adoptedStyleSheets.push(tonesSheet)

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    {/* Its variables come with its style sheet: the policy of the page takes nothing inline. */}
    <MantineProvider defaultColorScheme="auto" withCssVariables={false} withGlobalClasses={false}>
      <QueryClientProvider client={queries}>
        <Dashboard />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
)
