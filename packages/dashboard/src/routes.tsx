// The addresses of the dashboard and the page at each. The server answers each of them with the same
// page, and every other address as not found: a new one needs a row in the server's dashboard-routes.ts.

import {
  createRootRoute,
  createRoute,
  createRouter,
  Link,
  lazyRouteComponent,
  redirect,
} from '@tanstack/react-router'
import { Nothing } from './components/notices.tsx'
import { Frame } from './frame.tsx'
import { useMuster } from './muster.tsx'
import { Fleets, readFleetsSearch } from './pages/fleets.tsx'
import { readDevicesSearch } from './view/devices-search.ts'

const root = createRootRoute({ component: Frame, notFoundComponent: NotFound })
const start = createRoute({
  getParentRoute: () => root,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/fleets' })
  },
})
const fleets = createRoute({
  getParentRoute: () => root,
  path: '/fleets',
  validateSearch: readFleetsSearch,
  component: Fleets,
})
const devices = createRoute({
  getParentRoute: () => root,
  path: '/devices',
  validateSearch: readDevicesSearch,
  component: lazyRouteComponent(() => import('./pages/devices.tsx'), 'Devices'),
})
const device = createRoute({
  getParentRoute: () => root,
  path: '/devices/$uuid',
  component: lazyRouteComponent(() => import('./pages/device.tsx'), 'Device'),
})
const routeTree = root.addChildren([start, fleets, devices, device])

export function createRoutes() {
  return createRouter({ routeTree })
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof createRoutes>
  }
}

function NotFound() {
  const { words } = useMuster()
  return (
    <Nothing title={words.notFound}>
      <Link to="/fleets">{words.toFleets}</Link>
    </Nothing>
  )
}
