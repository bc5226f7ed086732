"""The background texts: what people might look for, diverse on purpose.

Bare words and short phrases, as people type them; most are about things, and some are about what
no picture shows.  Kept statistics belong to one list: `IDENTITY` tells lists apart.
"""

from __future__ import annotations

from hashlib import sha256

_LISTED = """
a dog running on grass | puppy | cat sleeping on a sofa | kittens | horse
a herd of cows in a field | sheep | goat | a pig in the mud | chicken | a rooster on a fence
duck on a pond | swan | goose | pigeons in a square | owl | parrot | an eagle in flight
penguins on ice | flamingo | peacock | a small songbird on a branch | gull | tiger | lion
leopard | elephant | a giraffe eating leaves | zebra | rhinoceros | hippopotamus in water | camel
kangaroo | koala | panda | monkey | gorilla | bear | polar bear | wolf | fox in the snow
deer in a forest | moose | rabbit | squirrel | mouse | hedgehog | bat | a snake in the sand
lizard | turtle | crocodile | frog | goldfish in a bowl | shark | whale | dolphin | octopus | crab
lobster | starfish | jellyfish | coral reef with fish | butterfly on a flower | bee | ant
spider web | beetle | snail | dinosaur skeleton | unicorn

car | a red sports car | taxi in traffic | a yellow school bus | pickup truck
a lorry on the motorway | fire engine | ambulance | police car | motor scooter | motorcycle
bicycle leaning against a wall | tram | underground train | steam locomotive
an aeroplane taking off | helicopter | hot air balloon | sailing boat
a cruise ship in the harbour | canoe on a river | submarine | tractor ploughing a field
excavator at a building site | bulldozer | tank | rocket launch | satellite in orbit | wheelchair
pram | skateboard | a horse and cart | rusty wreck of a car | traffic lights

pizza | hamburger with chips | hot dog | a bowl of soup | noodles | sushi | salad
a plate of spaghetti | fried eggs | omelette | loaf of bread | sandwich | cheese | roast chicken
steak on a grill | sausages | fish market | rice | tacos | pancakes with syrup
birthday cake with candles | chocolate | ice cream cone | biscuits | doughnut | apple pie
honey jar | a basket of apples | bananas | oranges | lemon | grapes | strawberries | pineapple
watermelon slices | tomatoes | potatoes | carrots | mushrooms in the woods | a cup of coffee
teapot | a glass of red wine | pint of beer | milk bottle | orange juice | cocktail
breakfast on a tray | vegetables at a market stall

mountains covered in snow | volcano erupting | desert dunes | beach with palm trees
waves breaking on rocks | waterfall | a river through a valley | lake at dawn
island from the air | autumn forest | jungle | meadow with wild flowers | wheat field | vineyard
rice terraces | glacier | iceberg | cave | canyon | cliff by the sea | swamp | rainbow
lightning in a storm | fog over hills | starry night sky | full moon | solar eclipse
northern lights | sunset over the sea | clouds | rain on a window | flooded street | snowy road
forest fire | planet Saturn | galaxy

city skyline at night | skyscraper | an old castle | church | mosque | temple | cathedral interior
bridge over a river | lighthouse | windmill | barn | cottage with a garden | wooden cabin
block of flats | factory chimney | power station | dam | wind turbines | solar panels on a roof
railway station | airport terminal | harbour | petrol station | car park | shopping centre
street market | restaurant | bar | hotel lobby | hospital ward | classroom | library | museum
theatre stage | cinema | swimming pool | playground | football stadium | zoo | amusement park
greenhouse | cemetery | ruins of an ancient temple | pyramid | staircase | brick wall
wooden door | stained glass window | fountain | statue | living room | bedroom
kitchen with white cupboards | bathroom | office desk | attic | garage | garden shed
tent in a camp

a man with a beard | portrait of a young woman | smiling child | a baby asleep
elderly couple on a bench | crowd of people | bride and groom | family at dinner
group of friends laughing | soldier | police officer | firefighter | doctor | nurse | farmer
chef in a kitchen | waiter | builder with a helmet | astronaut | businessman in a suit
teacher at a blackboard | scientist in a laboratory | pupils in uniform
politician giving a speech | clown | king with a crown | pirate | monk | a man playing the guitar
woman reading a book | boy kicking a ball | girl blowing soap bubbles | people dancing
someone taking a photograph | a person talking on the phone | hands shaking | man fishing
woman doing yoga | climber on a rock face | skier going downhill | surfer on a wave | swimmer
runner in a marathon | cyclists in a race | tennis player | basketball game | boxing match
golfer | ice hockey | gymnast | chess players | children at school
people protesting in the street | queue at a shop | a person asleep | close-up of an eye | hand
tattoo | hairdresser

chair | table | sofa | bed | lamp | mirror | clock on a wall | bookshelf | wardrobe | curtain
carpet | candle | vase | plate and fork | knife | spoon | cooking pot | frying pan | kettle
toaster | refrigerator | washing machine | vacuum cleaner | broom | bucket | umbrella | suitcase
handbag | backpack | wallet | keys | coins | banknotes | credit card | scissors
needle and thread | hammer | screwdriver | saw | drill | ladder | rope | chain | padlock
nails and screws | paint brush | pencil | pen on paper | envelope | stamp | newspaper | open book
map | calendar | globe | telescope | microscope | camera | binoculars | spectacles | wrist watch
ring with a diamond | necklace | lipstick | toothbrush | comb | soap | towel | pillow | teddy bear
doll | toy blocks | jigsaw puzzle | playing cards | dice | balloon | kite | gift box
Christmas tree | pumpkin lantern | fireworks | flag | trophy | bell | crown | sword | gun | cannon
helmet | barrel | wooden box | bottle | drinking glass | rubbish bin | street lamp | bench
post box | road sign | fire hydrant | fence | laptop | computer keyboard | screen | mobile phone
television | radio | loudspeaker | headphones | robot | circuit board | electric cable | battery
light bulb | printer | game controller | remote control | syringe | pills | stethoscope | bandage
violin | piano | drum kit | trumpet | flute | accordion | football | tennis racket | skis
dumbbell | fishing rod | bow and arrow

t-shirt | white shirt | trousers | blue jeans | shorts | skirt | evening dress | wool jumper
winter coat | leather jacket | suit and tie | socks | running shoes | boots | sandals | high heels
hat | baseball cap | scarf | gloves | sunglasses | swimsuit

rose | sunflower | tulips | daisy | cactus | fern | palm tree | oak tree | pine cone
moss on a stone | ivy | seedling in soil | dry leaves | pile of logs | grass | pebbles | sand
ice crystals | smoke | fire | water drops | rust | marble | knitted wool

oil painting | pencil drawing | cartoon | comic page | logo | diagram | bar chart | pie chart
table of numbers | spreadsheet | mathematical formula | page of text | handwriting | receipt
invoice | contract | business card | poster | screenshot | error message | web page | source code
bar code | floor plan | X-ray of a hand | blood cells under a microscope | satellite map
sheet music | crossword | passport | menu | book cover | album cover | graffiti | checkerboard
stripes | a plain colour

freedom | happiness | loneliness | economic growth | quarterly figures | democracy | a promise
the past | justice | inflation rate | software licence | philosophy of language | privacy policy
machine learning | climate change | the meaning of life | a good idea | customer satisfaction
team building | homework | password | meeting agenda
"""

TEXTS: tuple[str, ...] = tuple(
    text for line in _LISTED.splitlines() for text in map(str.strip, line.split("|")) if text
)
"""544 texts, each once."""

IDENTITY = sha256("\n".join(TEXTS).encode()).hexdigest()[:16]
"""Changes with the list."""
