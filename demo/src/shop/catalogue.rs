//! What the shop sells when its database is new: six categories of four lamps, with their pictures.
//! The seed, the pictures and the navigation read this; everything else reads the database.

use crate::shop::lamp::Palette;

/// A shelf of the shop.
#[derive(Debug)]
pub(crate) struct Category {
    pub(crate) slug: &'static str,
    pub(crate) name: &'static str,
    pub(crate) tagline: &'static str,
}

/// What a lamp stands on or hangs from in its picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stand {
    Table,
    Floor,
    Hanging,
    Wall,
}

/// A product as it is seeded.
#[derive(Debug)]
pub(crate) struct Lamp {
    pub(crate) slug: &'static str,
    pub(crate) name: &'static str,
    pub(crate) category: &'static str,
    pub(crate) price_minor: i64,
    pub(crate) stock: i64,
    pub(crate) material: &'static str,
    pub(crate) description: &'static str,
    pub(crate) stand: Stand,
    pub(crate) palette: Palette,
    /// Where the light is in the picture, and how far it reaches: x, y, radius.
    pub(crate) light: (u16, u16, u16),
    /// The silhouette as SVG elements.
    pub(crate) drawing: &'static str,
}

pub(crate) const CATEGORIES: [Category; 6] = [
    Category {
        slug: "table-lamps",
        name: "Table lamps",
        tagline: "Warm light at the height of a book.",
    },
    Category {
        slug: "floor-lamps",
        name: "Floor lamps",
        tagline: "For the corner that deserves better than the ceiling.",
    },
    Category { slug: "pendants", name: "Pendants", tagline: "A quiet moon above the table." },
    Category {
        slug: "wall-lights",
        name: "Wall lights",
        tagline: "Light that leaves the furniture alone.",
    },
    Category {
        slug: "desk-lamps",
        name: "Desk lamps",
        tagline: "Where the work is, and nowhere else.",
    },
    Category {
        slug: "lanterns",
        name: "Lanterns",
        tagline: "To carry outside when the evening is long.",
    },
];

const PLASTER: Palette = Palette {
    wall: ["#f6ecdf", "#e6d2bb"],
    ground: "#c9a57f",
    shade: ["#e2875b", "#9c4424"],
    metal: ["#d9b27a", "#7a5a30"],
    glow: "#ffdf9e",
};
const SAGE: Palette = Palette {
    wall: ["#e5ebdf", "#bfcdb8"],
    ground: "#8c7a62",
    shade: ["#fbf4e4", "#d9c6a2"],
    metal: ["#c49a63", "#6f4f2b"],
    glow: "#ffe9b8",
};
const DUSK: Palette = Palette {
    wall: ["#d9e0ea", "#9eb0c6"],
    ground: "#5b6779",
    shade: ["#f4efe6", "#b9ac98"],
    metal: ["#8d98a8", "#3a4454"],
    glow: "#ffe3a6",
};
const NIGHT: Palette = Palette {
    wall: ["#323a4e", "#161a26"],
    ground: "#10131c",
    shade: ["#e9b65c", "#8e5f1d"],
    metal: ["#caa264", "#4d3918"],
    glow: "#ffcf73",
};
const ROSE: Palette = Palette {
    wall: ["#f5dfda", "#dba9a0"],
    ground: "#9b6258",
    shade: ["#b3473f", "#6b1f22"],
    metal: ["#e0bd8b", "#86633a"],
    glow: "#ffd9a3",
};
const FOREST: Palette = Palette {
    wall: ["#3f524a", "#1c2a26"],
    ground: "#16201d",
    shade: ["#3f8a68", "#174433"],
    metal: ["#d8b46f", "#6b4f1f"],
    glow: "#ffdf93",
};
const OCHRE: Palette = Palette {
    wall: ["#f5dda6", "#dca54e"],
    ground: "#8d5a22",
    shade: ["#343a44", "#15181e"],
    metal: ["#4c525c", "#1c2026"],
    glow: "#fff0c4",
};

pub(crate) const LAMPS: [Lamp; 24] = [
    Lamp {
        slug: "abendrot",
        name: "Abendrot",
        category: "table-lamps",
        price_minor: 12900,
        stock: 48,
        material: "Powder-coated steel, brass",
        description: "The colour of the last ten minutes before the sun is gone. A spun steel dome on a brass stem that leans a little, as if it listened.",
        stand: Stand::Table,
        palette: PLASTER,
        light: (200, 212, 180),
        drawing: r##"<path d="M112 214 62 396h276L288 214z" fill="url(#beam)"/>
<rect x="194" y="196" width="12" height="192" rx="6" fill="url(#metal)"/>
<ellipse cx="200" cy="392" rx="62" ry="12" fill="url(#metal)"/><path d="M138 388c0-14 28-20 62-20s62 6 62 20z" fill="url(#metal)"/>
<path d="M96 216c0-72 46-112 104-112s104 40 104 112z" fill="url(#shade)"/><ellipse cx="200" cy="216" rx="104" ry="15" fill="#fff3d0"/><ellipse cx="200" cy="216" rx="86" ry="10" fill="#fffbe9"/>
<rect x="191" y="84" width="18" height="22" rx="7" fill="url(#metal)"/><path d="M122 186c8-40 36-62 62-66" fill="none" stroke="#fff" stroke-opacity=".35" stroke-width="7" stroke-linecap="round"/>"##,
    },
    Lamp {
        slug: "kiesel",
        name: "Kiesel",
        category: "table-lamps",
        price_minor: 14900,
        stock: 36,
        material: "Glazed stoneware, linen",
        description: "A river pebble with a linen hat. Each base is thrown by hand, so no two stand in quite the same way.",
        stand: Stand::Table,
        palette: SAGE,
        light: (200, 172, 170),
        drawing: r##"<path d="M132 236 96 300h208l-36-64z" fill="url(#beam)"/>
<path d="M110 352c0-46 38-74 90-74s90 28 90 74c0 30-34 44-90 44s-90-14-90-44z" fill="#7f917f"/><path d="M110 352c0-46 38-74 90-74 30 0 55 10 71 26-50-12-130 2-152 74-6-7-9-16-9-26z" fill="#fff" opacity=".16"/>
<rect x="192" y="228" width="16" height="54" fill="url(#metal)"/>
<path d="M136 110h128l38 126H98z" fill="url(#shade)"/><ellipse cx="200" cy="236" rx="102" ry="12" fill="#fff6dc"/><path d="M136 110h128" stroke="#fff" stroke-opacity=".7" stroke-width="4"/>
<path d="M160 112l-18 120M200 112v122M240 112l18 120" stroke="#a98f63" stroke-opacity=".22" stroke-width="2"/>"##,
    },
    Lamp {
        slug: "birke",
        name: "Birke",
        category: "table-lamps",
        price_minor: 9800,
        stock: 52,
        material: "Birch, cotton",
        description: "Three turned discs of birch and a straight drum. It came out of a workshop that used to make toys, and one can tell.",
        stand: Stand::Table,
        palette: DUSK,
        light: (200, 176, 170),
        drawing: r##"<path d="M120 238 84 396h232L280 238z" fill="url(#beam)" opacity=".7"/>
<ellipse cx="200" cy="384" rx="58" ry="16" fill="#e4c79c"/><ellipse cx="200" cy="352" rx="46" ry="20" fill="#d6b280"/><ellipse cx="200" cy="316" rx="36" ry="22" fill="#e8cfa8"/><ellipse cx="188" cy="308" rx="12" ry="6" fill="#fff" opacity=".4"/>
<rect x="194" y="228" width="12" height="72" fill="url(#metal)"/>
<rect x="112" y="104" width="176" height="134" rx="6" fill="url(#shade)"/><rect x="112" y="104" width="176" height="9" rx="4" fill="#fff" opacity=".6"/><rect x="112" y="226" width="176" height="12" rx="4" fill="#fff2cf"/>
<path d="M136 106v130M168 106v130M200 106v130M232 106v130M264 106v130" stroke="#7d725f" stroke-opacity=".14" stroke-width="2"/>"##,
    },
    Lamp {
        slug: "pilz",
        name: "Pilz",
        category: "table-lamps",
        price_minor: 18900,
        stock: 22,
        material: "Mouth-blown opal glass",
        description: "Blown in one breath. The cap and the stem are a single piece of glass, and all of it glows.",
        stand: Stand::Table,
        palette: ROSE,
        light: (200, 230, 200),
        drawing: r##"<path d="M168 392c10-56 12-100 8-150h48c-4 50-2 94 8 150z" fill="url(#glass)"/><ellipse cx="200" cy="392" rx="56" ry="11" fill="#f9e3c4"/>
<path d="M78 250c0-84 54-136 122-136s122 52 122 136c0 12-54 20-122 20S78 262 78 250z" fill="url(#glass)"/><path d="M104 222c10-50 40-80 72-88" fill="none" stroke="#fff" stroke-opacity=".75" stroke-width="9" stroke-linecap="round"/>
<ellipse cx="200" cy="256" rx="114" ry="12" fill="#b3473f" opacity=".14"/>"##,
    },
    Lamp {
        slug: "reiher",
        name: "Reiher",
        category: "floor-lamps",
        price_minor: 34900,
        stock: 14,
        material: "Marble, brushed steel",
        description: "One long leg and a great deal of patience. The arc reaches over the sofa; the marble foot makes sure that it stays there.",
        stand: Stand::Floor,
        palette: DUSK,
        light: (286, 190, 150),
        drawing: r##"<path d="M240 190 208 424h156l-32-234z" fill="url(#beam)" opacity=".75"/>
<path d="M96 412C70 180 130 70 214 70c52 0 74 44 74 82" fill="none" stroke="url(#metal)" stroke-width="9" stroke-linecap="round"/>
<path d="M232 192c0-34 24-54 54-54s54 20 54 54z" fill="url(#metal)"/><ellipse cx="286" cy="192" rx="54" ry="9" fill="#fff5d8"/>
<ellipse cx="98" cy="420" rx="58" ry="13" fill="#2c3442"/><ellipse cx="98" cy="412" rx="58" ry="13" fill="#f3f0ea"/><path d="M60 410c20 8 50-4 76 4" stroke="#b5b2ab" stroke-width="2" fill="none"/>"##,
    },
    Lamp {
        slug: "dreibein",
        name: "Dreibein",
        category: "floor-lamps",
        price_minor: 27900,
        stock: 20,
        material: "Oak, linen",
        description: "A surveyor’s tripod that has retired. Oak legs, brass joints, and a drum of raw linen as wide as an armchair.",
        stand: Stand::Floor,
        palette: SAGE,
        light: (200, 140, 160),
        drawing: r##"<path d="M112 208 70 330h260l-42-122z" fill="url(#beam)" opacity=".7"/>
<path d="M196 214 124 428" stroke="#b07f48" stroke-width="11" stroke-linecap="round"/><path d="M204 214l72 214" stroke="#8d6234" stroke-width="11" stroke-linecap="round"/><path d="M200 214v212" stroke="#c9975c" stroke-width="11" stroke-linecap="round"/>
<circle cx="200" cy="226" r="13" fill="url(#metal)"/><path d="M158 326h84" stroke="url(#metal)" stroke-width="4"/>
<path d="M116 82h168l14 126H102z" fill="url(#shade)"/><ellipse cx="200" cy="208" rx="98" ry="10" fill="#fff6dc"/><path d="M116 82h168" stroke="#fff" stroke-opacity=".7" stroke-width="4"/>"##,
    },
    Lamp {
        slug: "schilf",
        name: "Schilf",
        category: "floor-lamps",
        price_minor: 21900,
        stock: 26,
        material: "Aluminium, frosted acrylic",
        description: "Five reeds of light in a heavy foot. Touch one and all of them dim.",
        stand: Stand::Floor,
        palette: NIGHT,
        light: (200, 190, 190),
        drawing: r##"<g fill="url(#glass)"><rect x="136" y="120" width="9" height="292" rx="4.5"/><rect x="166" y="70" width="9" height="342" rx="4.5"/><rect x="196" y="44" width="9" height="368" rx="4.5"/><rect x="226" y="92" width="9" height="320" rx="4.5"/><rect x="256" y="142" width="9" height="270" rx="4.5"/></g>
<g fill="#ffcf73" opacity=".18"><rect x="128" y="112" width="25" height="308" rx="12"/><rect x="158" y="62" width="25" height="358" rx="12"/><rect x="188" y="36" width="25" height="384" rx="12"/><rect x="218" y="84" width="25" height="336" rx="12"/><rect x="248" y="134" width="25" height="286" rx="12"/></g>
<path d="M116 404h168l10 24H106z" fill="url(#metal)"/>"##,
    },
    Lamp {
        slug: "waechter",
        name: "Wächter",
        category: "floor-lamps",
        price_minor: 25900,
        stock: 18,
        material: "Steel, enamel",
        description: "Stands where you put it and looks where you point it. The joint was taken from a ship’s searchlight.",
        stand: Stand::Floor,
        palette: OCHRE,
        light: (160, 150, 150),
        drawing: r##"<path d="M96 166 20 424h230l-58-226z" fill="url(#beam)" opacity=".8"/>
<rect x="217" y="120" width="10" height="300" fill="#2a2f38"/><path d="M222 128l-44-18" stroke="#15181e" stroke-width="9" stroke-linecap="round"/>
<path d="M150 78l54 26-22 92-106-52z" fill="url(#shade)"/><ellipse cx="128" cy="170" rx="60" ry="12" transform="rotate(26 128 170)" fill="#fff6dc"/><circle cx="222" cy="122" r="10" fill="#dca54e"/>
<path d="M160 86l-66 56" stroke="#fff" stroke-opacity=".22" stroke-width="6" stroke-linecap="round"/>
<ellipse cx="222" cy="424" rx="66" ry="12" fill="#15181e"/><ellipse cx="222" cy="419" rx="66" ry="11" fill="#343a44"/>"##,
    },
    Lamp {
        slug: "mondkuppel",
        name: "Mondkuppel",
        category: "pendants",
        price_minor: 19900,
        stock: 30,
        material: "Spun aluminium, gold leaf",
        description: "Black outside, gold within: the table sees the gold. The leaf is laid by hand and takes two days.",
        stand: Stand::Hanging,
        palette: NIGHT,
        light: (200, 286, 190),
        drawing: r##"<path d="M92 288 20 480h360L308 288z" fill="url(#beam)"/>
<path d="M200 0v132" stroke="#0c0e14" stroke-width="4"/><rect x="190" y="126" width="20" height="26" rx="5" fill="url(#metal)"/>
<path d="M74 290c0-84 56-142 126-142s126 58 126 142z" fill="#0d1018"/><path d="M74 290c0-84 56-142 126-142 18 0 35 4 50 11-70 6-132 54-150 131z" fill="#fff" opacity=".07"/>
<ellipse cx="200" cy="290" rx="126" ry="19" fill="url(#shade)"/><ellipse cx="200" cy="292" rx="96" ry="12" fill="#ffe7ae"/><circle cx="200" cy="292" r="24" fill="#fffaf0"/>"##,
    },
    Lamp {
        slug: "tropfen",
        name: "Tropfen",
        category: "pendants",
        price_minor: 15900,
        stock: 34,
        material: "Hand-blown glass",
        description: "The moment before it falls. Smoked glass around a filament that is allowed to be seen.",
        stand: Stand::Hanging,
        palette: ROSE,
        light: (200, 270, 180),
        drawing: r##"<path d="M200 0v104" stroke="#5b3a34" stroke-width="3"/><rect x="188" y="100" width="24" height="34" rx="6" fill="url(#metal)"/>
<path d="M200 128c14 66 84 96 84 168 0 48-38 82-84 82s-84-34-84-82c0-72 70-102 84-168z" fill="url(#glass)" opacity=".93"/>
<path d="M186 214c-28 30-48 52-48 88" fill="none" stroke="#fff" stroke-opacity=".8" stroke-width="8" stroke-linecap="round"/>
<path d="M186 250v44c0 12 28 12 28 0v-44m-28 44c-6 26 34 26 28 0" fill="none" stroke="#d2691e" stroke-width="3"/><path d="M200 128v122" stroke="#86633a" stroke-width="3"/>"##,
    },
    Lamp {
        slug: "seerose",
        name: "Seerose",
        category: "pendants",
        price_minor: 23900,
        stock: 16,
        material: "Lacquered steel",
        description: "Four leaves on still water, with the light between them and never in your eyes.",
        stand: Stand::Hanging,
        palette: FOREST,
        light: (200, 250, 190),
        drawing: r##"<path d="M100 320 60 480h280l-40-160z" fill="url(#beam)" opacity=".7"/>
<path d="M200 0v150" stroke="#0e1613" stroke-width="4"/>
<ellipse cx="200" cy="168" rx="52" ry="15" fill="url(#shade)"/><ellipse cx="200" cy="176" rx="40" ry="7" fill="#ffe9b0"/>
<ellipse cx="200" cy="214" rx="86" ry="21" fill="url(#shade)"/><ellipse cx="200" cy="224" rx="68" ry="10" fill="#ffe9b0"/>
<ellipse cx="200" cy="266" rx="118" ry="27" fill="url(#shade)"/><ellipse cx="200" cy="278" rx="94" ry="13" fill="#ffe9b0"/>
<ellipse cx="200" cy="322" rx="86" ry="21" fill="url(#shade)"/><ellipse cx="200" cy="332" rx="66" ry="9" fill="#fff4d4"/><circle cx="200" cy="148" r="9" fill="url(#metal)"/>"##,
    },
    Lamp {
        slug: "kegel",
        name: "Kegel",
        category: "pendants",
        price_minor: 11900,
        stock: 44,
        material: "Enamelled steel",
        description: "The lamp of every good kitchen since 1925, in the colour of a good bean.",
        stand: Stand::Hanging,
        palette: OCHRE,
        light: (200, 292, 170),
        drawing: r##"<path d="M80 300 10 480h380l-70-180z" fill="url(#beam)"/>
<path d="M200 0v118" stroke="#15181e" stroke-width="4"/><rect x="184" y="112" width="32" height="44" rx="7" fill="#dca54e"/><rect x="184" y="126" width="32" height="4" fill="#8d5a22"/>
<path d="M184 154h32l108 146H76z" fill="url(#shade)"/><path d="M190 160 104 292" stroke="#fff" stroke-opacity=".2" stroke-width="9" stroke-linecap="round"/>
<ellipse cx="200" cy="300" rx="124" ry="16" fill="#fff9e8"/><circle cx="200" cy="300" r="22" fill="#fff"/>"##,
    },
    Lamp {
        slug: "halbmond",
        name: "Halbmond",
        category: "wall-lights",
        price_minor: 8900,
        stock: 60,
        material: "Plaster",
        description: "A half moon of plaster. Paint it with the wall and by day it is hardly there.",
        stand: Stand::Wall,
        palette: PLASTER,
        light: (200, 200, 190),
        drawing: r##"<path d="M88 236 20 0h360l-68 236z" fill="url(#rise)"/>
<path d="M88 236h224c0 66-48 112-112 112S88 302 88 236z" fill="#f9efe1"/><path d="M88 236h224c0 66-48 112-112 112 60-30 74-70 74-100H90z" fill="#d8bd9c" opacity=".55"/><ellipse cx="200" cy="236" rx="112" ry="12" fill="#fffaf0"/>"##,
    },
    Lamp {
        slug: "apfel",
        name: "Apfel",
        category: "wall-lights",
        price_minor: 7900,
        stock: 64,
        material: "Opal glass, brass",
        description: "A round fruit on a short branch. For beside the bed, at the height of the elbow.",
        stand: Stand::Wall,
        palette: SAGE,
        light: (220, 216, 180),
        drawing: r##"<rect x="96" y="196" width="22" height="120" rx="11" fill="url(#metal)"/><path d="M112 256c60 0 74-20 98-20" fill="none" stroke="url(#metal)" stroke-width="10" stroke-linecap="round"/>
<rect x="206" y="276" width="34" height="22" rx="6" fill="url(#metal)"/><circle cx="223" cy="206" r="78" fill="url(#glass)"/><path d="M168 190c8-26 24-40 44-46" fill="none" stroke="#fff" stroke-opacity=".9" stroke-width="8" stroke-linecap="round"/>
<circle cx="107" cy="222" r="4" fill="#6f4f2b"/><circle cx="107" cy="290" r="4" fill="#6f4f2b"/>"##,
    },
    Lamp {
        slug: "floete",
        name: "Flöte",
        category: "wall-lights",
        price_minor: 10900,
        stock: 40,
        material: "Anodised aluminium",
        description: "Light from both ends, and a note if you blow across it (we tried).",
        stand: Stand::Wall,
        palette: DUSK,
        light: (200, 240, 200),
        drawing: r##"<path d="M160 146 90 0h220l-70 146z" fill="url(#rise)"/><path d="M168 340 90 480h220l-78-140z" fill="url(#beam)"/>
<rect x="160" y="142" width="80" height="206" rx="10" fill="url(#metal)"/><rect x="172" y="150" width="9" height="190" rx="4" fill="#fff" opacity=".4"/>
<ellipse cx="200" cy="144" rx="40" ry="8" fill="#fff6dc"/><ellipse cx="200" cy="346" rx="40" ry="8" fill="#fff6dc"/><rect x="160" y="236" width="80" height="8" fill="#3a4454" opacity=".5"/>"##,
    },
    Lamp {
        slug: "muschel",
        name: "Muschel",
        category: "wall-lights",
        price_minor: 13900,
        stock: 24,
        material: "Porcelain",
        description: "Pleated porcelain, thin enough to see a hand behind it. The light climbs along the folds.",
        stand: Stand::Wall,
        palette: ROSE,
        light: (200, 250, 200),
        drawing: r##"<path d="M200 352C120 330 66 250 84 150c30-20 60-22 74-8 10-18 32-28 42-28s32 10 42 28c14-14 44-12 74 8 18 100-36 180-116 202z" fill="url(#glass)"/>
<path d="M200 346V122M200 346 160 146M200 346l40-200M200 346 122 158M200 346l78-188M200 346 92 192M200 346l108-154" stroke="#b06a5c" stroke-opacity=".32" stroke-width="3" fill="none"/>
<path d="M174 344h52l10 28h-72z" fill="url(#metal)"/>"##,
    },
    Lamp {
        slug: "kranich",
        name: "Kranich",
        category: "desk-lamps",
        price_minor: 16900,
        stock: 38,
        material: "Steel, beech",
        description: "Two springs, three joints, no opinion of its own. It stays exactly where your hand let go.",
        stand: Stand::Table,
        palette: PLASTER,
        light: (122, 236, 140),
        drawing: r##"<path d="M82 250 40 396h180l-52-128z" fill="url(#beam)" opacity=".9"/>
<path d="M252 384 292 232 176 138" fill="none" stroke="#5d5148" stroke-width="9" stroke-linejoin="round" stroke-linecap="round"/><path d="M262 384l38-146M290 222 182 132" stroke="#d9b27a" stroke-width="3"/>
<circle cx="292" cy="232" r="11" fill="url(#metal)"/><circle cx="176" cy="138" r="10" fill="url(#metal)"/>
<path d="M152 132l42 34-28 38-20 76-86-48 56-58z" fill="url(#shade)"/><ellipse cx="106" cy="256" rx="50" ry="13" transform="rotate(29 106 256)" fill="#fff5d6"/>
<ellipse cx="256" cy="392" rx="56" ry="12" fill="url(#metal)"/>"##,
    },
    Lamp {
        slug: "bankier",
        name: "Bankier",
        category: "desk-lamps",
        price_minor: 18500,
        stock: 28,
        material: "Brass, green glass",
        description: "It has seen ledgers, letters and one resignation. The chain clicks the way you hope.",
        stand: Stand::Table,
        palette: FOREST,
        light: (200, 230, 170),
        drawing: r##"<path d="M92 232 60 396h280l-32-164z" fill="url(#beam)" opacity=".85"/>
<rect x="194" y="170" width="12" height="214" fill="url(#metal)"/><path d="M152 388c0-22 20-34 48-34s48 12 48 34z" fill="url(#metal)"/><ellipse cx="200" cy="392" rx="66" ry="11" fill="url(#metal)"/>
<path d="M92 166c30-34 186-34 216 0l12 62c-60 16-180 16-240 0z" fill="url(#shade)"/><path d="M104 176c40-22 150-22 184-4" fill="none" stroke="#bff0d4" stroke-opacity=".5" stroke-width="8" stroke-linecap="round"/><path d="M80 228c60 16 180 16 240 0v8c-60 16-180 16-240 0z" fill="#ffeebf"/>
<circle cx="200" cy="140" r="9" fill="url(#metal)"/><path d="M268 238v52" stroke="#d8b46f" stroke-width="2" stroke-dasharray="3 3"/><circle cx="268" cy="294" r="5" fill="#d8b46f"/>"##,
    },
    Lamp {
        slug: "zeile",
        name: "Zeile",
        category: "desk-lamps",
        price_minor: 14900,
        stock: 42,
        material: "Extruded aluminium",
        description: "One line of light, forty centimetres long, for one line of text at a time.",
        stand: Stand::Table,
        palette: NIGHT,
        light: (180, 200, 170),
        drawing: r##"<path d="M70 200 36 396h270l-34-196z" fill="url(#beam)" opacity=".75"/>
<rect x="299" y="180" width="10" height="206" fill="url(#metal)"/><path d="M310 178 64 190" stroke="#0c0e14" stroke-width="18" stroke-linecap="round"/><path d="M268 190 68 200" stroke="#fff3cf" stroke-width="7" stroke-linecap="round"/>
<circle cx="304" cy="180" r="14" fill="url(#metal)"/><rect x="244" y="380" width="120" height="16" rx="6" fill="url(#metal)"/>"##,
    },
    Lamp {
        slug: "punkt",
        name: "Punkt",
        category: "desk-lamps",
        price_minor: 9500,
        stock: 58,
        material: "Cast iron, glass",
        description: "A full stop that lights up. Small enough for a shelf, heavy enough for a paperweight.",
        stand: Stand::Table,
        palette: OCHRE,
        light: (200, 262, 160),
        drawing: r##"<path d="M140 396c0-22 24-34 60-34s60 12 60 34z" fill="url(#shade)"/><rect x="188" y="326" width="24" height="42" fill="url(#metal)"/>
<circle cx="200" cy="256" r="82" fill="url(#glass)"/><path d="M146 234c10-28 28-42 48-48" fill="none" stroke="#fff" stroke-width="9" stroke-linecap="round"/><path d="M160 328h80l-8 14h-64z" fill="url(#shade)"/>"##,
    },
    Lamp {
        slug: "hafen",
        name: "Hafen",
        category: "lanterns",
        price_minor: 6900,
        stock: 70,
        material: "Galvanised steel, glass",
        description: "The storm lantern of the fishing boats, with an LED where the paraffin was. Nothing else has changed.",
        stand: Stand::Table,
        palette: DUSK,
        light: (200, 270, 160),
        drawing: r##"<path d="M136 168C136 70 264 70 264 168" fill="none" stroke="#3a4454" stroke-width="5"/>
<path d="M160 156h80l14 26H146z" fill="url(#metal)"/><path d="M146 182h108l14 18H132z" fill="#3a4454"/>
<path d="M148 200h104c16 44 16 92 0 134H148c-16-42-16-90 0-134z" fill="url(#glass)" opacity=".92"/><path d="M200 250c14 20 20 32 20 46a20 20 0 0 1-40 0c0-14 6-26 20-46z" fill="#ff9d2e"/><path d="M200 276c7 10 10 16 10 23a10 10 0 0 1-20 0c0-7 3-13 10-23z" fill="#fff3c4"/>
<path d="M136 190v160M264 190v160M126 266h148" stroke="#3a4454" stroke-width="5"/><path d="M132 334h136l14 30H118z" fill="url(#metal)"/><rect x="112" y="362" width="176" height="34" rx="8" fill="url(#metal)"/>"##,
    },
    Lamp {
        slug: "papiermond",
        name: "Papiermond",
        category: "lanterns",
        price_minor: 4500,
        stock: 90,
        material: "Mulberry paper, bamboo",
        description: "Folds flat, weighs nothing, and makes any terrace look as if somebody were about to play the guitar.",
        stand: Stand::Hanging,
        palette: NIGHT,
        light: (200, 246, 210),
        drawing: r##"<path d="M200 0v118" stroke="#0c0e14" stroke-width="3"/><ellipse cx="200" cy="246" rx="128" ry="124" fill="url(#glass)"/>
<g fill="none" stroke="#b4772a" stroke-opacity=".38" stroke-width="2"><ellipse cx="200" cy="246" rx="128" ry="10"/><path d="M78 208c40 12 204 12 244 0M96 172c40 12 168 12 208 0M128 142c30 8 114 8 144 0M78 284c40 12 204 12 244 0M96 320c40 12 168 12 208 0M128 350c30 8 114 8 144 0"/></g>
<rect x="168" y="116" width="64" height="10" rx="4" fill="#241a10"/><rect x="168" y="366" width="64" height="10" rx="4" fill="#241a10"/><path d="M200 376v40m-8-6v34m16-34v34" stroke="#c9483b" stroke-width="3"/>"##,
    },
    Lamp {
        slug: "garten",
        name: "Garten",
        category: "lanterns",
        price_minor: 8900,
        stock: 46,
        material: "Cedar, frosted glass",
        description: "A small house with a light on. Cedar turns silver in its second winter; we think it should.",
        stand: Stand::Floor,
        palette: FOREST,
        light: (200, 250, 180),
        drawing: r##"<path d="M104 180 200 104l96 76z" fill="#8a5a34"/><path d="M104 180 200 104l20 16-92 60z" fill="#fff" opacity=".14"/>
<rect x="126" y="180" width="148" height="190" fill="#ffdf93"/><circle cx="200" cy="290" r="66" fill="#fffaf0" opacity=".75"/><path d="M126 180h148v190H126zM200 180v190M126 274h148" fill="none" stroke="#6f4527" stroke-width="10"/>
<path d="M112 370h176v18H112z" fill="#8a5a34"/><path d="M124 388h26v38h-26zM250 388h26v38h-26z" fill="#5e3a20"/>"##,
    },
    Lamp {
        slug: "glut",
        name: "Glut",
        category: "lanterns",
        price_minor: 3900,
        stock: 96,
        material: "Recycled glass, beeswax",
        description: "What is left of the fire when the talk gets good. Comes with three beeswax candles.",
        stand: Stand::Table,
        palette: ROSE,
        light: (200, 300, 150),
        drawing: r##"<path d="M130 232h140c14 60 10 130-22 164H152c-32-34-36-104-22-164z" fill="url(#glass)" opacity=".78"/><rect x="172" y="304" width="56" height="84" rx="6" fill="#fff6df"/>
<path d="M200 246c16 22 22 34 22 46a22 22 0 0 1-44 0c0-12 6-24 22-46z" fill="#ff8f2a"/><path d="M200 270c8 11 11 17 11 24a11 11 0 0 1-22 0c0-7 3-13 11-24z" fill="#fff3c4"/>
<ellipse cx="200" cy="232" rx="70" ry="11" fill="none" stroke="#fff" stroke-opacity=".85" stroke-width="4"/><path d="M144 254c-6 40-4 78 8 106" fill="none" stroke="#fff" stroke-opacity=".6" stroke-width="7" stroke-linecap="round"/>"##,
    },
];
