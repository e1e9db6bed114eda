"""What the demo asks of the warehouse: questions, each with a query that an analyst could have written."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """A question, what to know about the answer, and the query over schema trusted; `name` is for `ask`."""

    name: str
    text: str
    note: str
    query: str


QUESTIONS = (
    Question(
        "q03",
        "How long do videos stay on the chart, and how does their rank move?",
        "The first video climbs, region by region; the second leaves its chart and comes back.",
        """
        select
            region_code as region,
            title,
            to_char(entered_at, 'DD Mon') as "from",
            to_char(last_seen_at, 'DD Mon') as until,
            first_rank || ' to ' || last_rank as rank,
            best_rank as best
        from trusted.q03_time_on_chart as stay
        where
            category_id = '0'
            and (
                video_id = (
                    select video_id
                    from trusted.q03_time_on_chart
                    order by ranks_climbed desc
                    limit 1
                )
                or (region_code, video_id) = (
                    select region_code, video_id
                    from trusted.q03_time_on_chart
                    where stay > 1
                    order by best_rank
                    limit 1
                )
            )
        order by title, entered_at
        """,
    ),
    Question(
        "q07",
        "Which videos chart in several regions, and where did they begin?",
        "Best rank in brackets, the regions in the order the video reached them.",
        """
        select
            title,
            (
                select string_agg(region || ' (' || best || ')', ', ' order by number)
                from unnest(regions, best_ranks) with ordinality as seen (region, best, number)
            ) as regions,
            round(hours_to_last_region / 24, 1) as "days between"
        from trusted.q07_regions
        where region_count > 1
        order by hours_to_last_region desc, best_rank, title
        limit 5
        """,
    ),
    Question(
        "q08",
        "What grows fastest, in the newest reading?",
        "A count that its owner hides stays empty; it is never shown as 0.",
        """
        select
            title,
            max(view_count) as views,
            max(views_per_hour) as "views/hour",
            max(likes_per_hour) as "likes/hour"
        from trusted.q08_growth
        where captured_at = (select max(captured_at) from trusted.q08_growth)
        group by video_id, title
        order by "views/hour" desc nulls last, title
        limit 5
        """,
    ),
)
