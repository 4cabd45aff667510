"""Station names in the manner of the real ones: a street, or two that meet (`Rouget de L'isle - Watteau`)."""

from __future__ import annotations

from random import Random

from velib.simulator.chance import pick

STREETS = (
    "Alésia", "Amelot", "Anatole France", "Aristide Briand", "Arsenal", "Assas", "Auber", "Bac", "Balard",
    "Basfroi", "Batignolles", "Beaubourg", "Beaumarchais", "Belleville", "Benjamin Godard", "Bercy", "Berthelot",
    "Bichat", "Blanqui", "Bobillot", "Bolivar", "Botzaris", "Bourse", "Brancion", "Breteuil", "Buci", "Cadet",
    "Cambronne", "Campo-Formio", "Cardinet", "Carnot", "Caulaincourt", "Charonne", "Château d'Eau", "Châtelet",
    "Chaussée d'Antin", "Chemin Vert", "Chevaleret", "Choisy", "Clauzel", "Clichy", "Colbert", "Commerce",
    "Convention", "Courcelles", "Crimée", "Croix-Nivert", "Daguerre", "Damrémont", "Daumesnil",
    "Denfert-Rochereau", "Diderot", "Didot", "Doudeauville", "Drouot", "Dunois", "Duroc", "Edgar Quinet",
    "Émile Zola", "Estienne d'Orves", "Étienne Marcel", "Eugène Varlin", "Fabert", "Faidherbe",
    "Faubourg du Temple", "Félix Faure", "Ferdinand Buisson", "Flandre", "Fontaine au Roi", "Gabriel Péri",
    "Gambetta", "Gare de l'Est", "Gare de Lyon", "Gare du Nord", "Georges Clemenceau", "Glacière", "Gobelins",
    "Grands Boulevards", "Guy Môquet", "Haussmann", "Hector Malot", "Henri Barbusse", "Hôpital Saint-Louis",
    "Hôtel de Ville", "Italie", "Jaurès", "Jean Moulin", "Jeanne d'Arc", "Jourdain", "Jules Ferry",
    "Julien Lacroix", "Jussieu", "La Boétie", "La Fayette", "Lamarck", "Lecourbe", "Ledru-Rollin", "Léon Blum",
    "Lepic", "Linois", "Louis Blanc", "Louise Michel", "Lourmel", "Madeleine", "Mairie", "Malesherbes",
    "Maraîchers", "Marcadet", "Marché Popincourt", "Maubeuge", "Ménilmontant", "Mirabeau", "Mogador", "Monceau",
    "Monge", "Montgallet", "Montparnasse", "Mouffetard", "Mozart", "Nationale", "Notre-Dame de Lorette",
    "Oberkampf", "Odéon", "Opéra", "Ordener", "Ourcq", "Parmentier", "Pasteur", "Père Lachaise", "Pernety",
    "Philippe Auguste", "Picpus", "Place de Clichy", "Plaisance", "Poissonnière", "Port-Royal", "Porte de Vanves",
    "Poteau", "Pyramides", "Pyrénées", "Quai de Valmy", "Quatre Septembre", "Raspail", "Réaumur", "Récollets",
    "République", "Richelieu", "Rivoli", "Rome", "Roquette", "Rouget de L'isle", "Saint-Antoine", "Saint-Fargeau",
    "Saint-Germain", "Saint-Honoré", "Saint-Marcel", "Saint-Maur", "Saint-Michel", "Saint-Sulpice",
    "Saint-Honoré d'Eylau", "Sébastopol", "Secrétan", "Sedaine", "Simplon", "Solférino", "Stalingrad", "Tolbiac",
    "Toudouze", "Tourelles", "Traversière", "Trinité", "Trousseau", "Turenne", "Université", "Vaugirard", "Vavin",
    "Verdun", "Versailles", "Victor Hugo", "Villiers", "Voltaire", "Voûte", "Wagram", "Watteau", "Xaintrailles",
    "Yves Toudic",
)  # fmt: skip


def station_names(rng: Random, count: int) -> list[str]:
    """`count` names, no two the same."""
    names: dict[str, None] = {}
    while len(names) < count:
        first, second = pick(rng, STREETS), pick(rng, STREETS)
        if len(names) >= len(STREETS) ** 2 // 2:  # a city larger than its map: number the crossings
            name = f"{first} - {second} {len(names)}"
        else:
            name = first if rng.random() < 0.08 else f"{first} - {second}"
        if first != second:
            names.setdefault(name)
    return list(names)
