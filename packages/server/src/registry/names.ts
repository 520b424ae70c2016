// Two friendly words for a device without a name: easy to say on the telephone, and nobody's brand.
// They need not be unique, since the uuid is; about thirty thousand pairs keep twins rare in a fleet.

const adjectives = `
  able agile airy alert amber ample apt autumn azure balmy bold brave breezy bright brisk
  broad bronze calm candid carefree careful cheerful chilly civic clean clear clever cloudy
  cobalt cool copper cordial cosy crimson crisp curious daring dawning deft dewy distant downy
  eager early earnest easy elegant emerald even fabled fair faithful fancy fast fine firm
  fleet floral fluent fond frank free fresh frosty gallant gentle gilded glad gleaming golden
  graceful grand green handy happy hardy hearty helpful honest hopeful humble ivory jade jolly
  jovial keen kind lasting leafy level light lilac lively loyal lucid lucky lunar mellow merry
  mighty mild mindful misty modest morning mossy neat nimble noble northern olive open opal
  orderly pale patient peaceful pearly placid plucky polished prime proper proud prudent quick
  quiet rapid ready regal restful rosy ruby rustic sage sandy serene sharp silent silver
  simple sincere sleek smart smooth snowy solar solid spry stable starry steady still stout
  sturdy subtle summer sunny sure swift tidy tranquil trim true trusty upbeat valiant velvet
  verdant vivid warm western willing windy winter wise witty young zesty`
  .trim()
  .split(/\s+/)

const nouns = `
  acorn alder anchor apple arbor arch aspen aurora badger bamboo basin bay beacon beaver beech
  birch bison bloom bluff brook bridge cabin canal canyon cape cedar cherry cliff cloud clover
  coast comet condor coral cove crane creek cricket crocus crystal cypress daisy delta dolphin
  dove drift dune eagle echo elk elm ember falcon fern field finch fjord forest fountain fox
  gale garden geyser glacier glade glen grove gull harbor hare hawk hazel heath heather heron
  hill hollow horizon ibis inlet iris island ivy jasper jay juniper kestrel kite lagoon lake
  lantern larch lark laurel lichen lily linden lotus lynx magnolia maple marble marsh marten
  meadow meteor mill mist moon moss mountain oak oasis ocean orchard orchid oriole osprey
  otter owl palm panda pebble pelican penguin peony pine plateau plover pond poplar poppy
  prairie puffin quail quarry quartz rain raven reed reef ridge river robin rose rowan sail
  salmon sequoia shore sky snow sparrow spring spruce star stone stork stream summit sun
  swallow swan tern thicket thistle thrush tide timber trail tulip valley violet wave willow
  wind wren`
  .trim()
  .split(/\s+/)

/** Such as `quiet-river`; `random` gives 0 ≤ x < 1. */
export function friendlyName(random: () => number): string {
  const pick = (words: readonly string[]) => words[Math.floor(random() * words.length)]!
  return `${pick(adjectives)}-${pick(nouns)}`
}
