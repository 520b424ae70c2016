// The services of the device, as it reported them: started, stopped and started anew by actions, which
// say themselves how they went.

import { Button } from '@mantine/core'
import type { ActionKind } from '@muster/core/actions.ts'
import type { DeviceView } from '@muster/core/api.ts'
import { useState } from 'react'
import { useMuster } from '../muster.tsx'
import type { Offer } from '../view/device-actions.ts'
import { type Service, servicesOf } from '../view/device-facts.ts'
import { ConfirmAction, useOffers, useRun, Works } from './device-actions.tsx'
import { Refused, Section } from './device-parts.tsx'

type Props = { device: DeviceView; onTerminal(service: string): void }

export function DeviceServices({ device, onTerminal }: Props) {
  const { words } = useMuster()
  const { data } = useOffers(device.uuid)
  const services = servicesOf(device.facts)
  const offers = data?.items.filter(({ takes }) => takes === 'service') ?? []
  const blocked = offers.find(({ works, channel }) => works !== 'now' || channel !== 'cloudlink')
  const text = words.devicePage
  return (
    <Section title={text.services} name="services">
      {(services?.length ?? 0) === 0 && (
        <p className="quiet">
          {device.facts.docker === 'none'
            ? text.noDocker
            : services
              ? text.noServices
              : text.servicesUnknown}
        </p>
      )}
      {services && services.length > 0 && (
        <>
          <ul className="services">
            {services.map((service) => (
              <ServiceItem
                key={service.name}
                service={service}
                device={device}
                offers={offers}
                onTerminal={onTerminal}
              />
            ))}
          </ul>
          {blocked && <Works offer={blocked} />}
        </>
      )}
    </Section>
  )
}

type ItemProps = Props & { service: Service; offers: readonly Offer[] }

/** What makes sense for a service that runs, and for one that does not. */
const offeredFor = {
  running: ['restart-service', 'stop-service'],
  still: ['start-service'],
} as const satisfies Record<string, readonly ActionKind[]>

function ServiceItem({ service, device, offers, onTerminal }: ItemProps) {
  const { words } = useMuster()
  const [asked, setAsked] = useState<Offer | null>(null)
  const run = useRun(device)
  const text = words.devicePage
  const isRunning = service.state === 'running'
  const ask = (offer: Offer) =>
    offer.asksFirst ? setAsked(offer) : run.mutate({ kind: offer.kind, service: service.name })
  return (
    <li data-service={service.name}>
      <span className="service-name">
        <b>{service.name}</b> <span className="quiet">{service.image}</span>
      </span>
      <span data-tone={isRunning ? 'good' : 'quiet'}>
        <span aria-hidden="true">{isRunning ? '●' : '○'}</span> {service.state}
      </span>
      <span className="service-actions">
        {offeredFor[isRunning ? 'running' : 'still'].map((kind) => {
          const offer = offers.find((one) => one.kind === kind)
          return (
            <Button
              key={kind}
              size="xs"
              variant="default"
              disabled={!offer || offer.works === 'no'}
              loading={run.isPending && run.variables.kind === kind}
              aria-label={text.actionOf(text.serviceActions[kind], service.name)}
              onClick={() => offer && ask(offer)}
            >
              {text.serviceActions[kind]}
            </Button>
          )
        })}
        {isRunning && (
          <Button
            size="xs"
            variant="default"
            disabled={device.cloudlink.state !== 'connected'}
            aria-label={text.terminalIn(service.name)}
            onClick={() => onTerminal(service.name)}
          >
            {text.terminal}
          </Button>
        )}
      </span>
      {run.error && <Refused error={run.error} />}
      {asked && (
        <ConfirmAction
          offer={asked}
          device={device}
          service={service.name}
          onClose={() => setAsked(null)}
        />
      )}
    </li>
  )
}
